"""Death at every step: the steps are enumerated from a run of the code, not picked."""
