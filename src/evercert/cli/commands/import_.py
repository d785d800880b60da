"""`evercert import`."""
