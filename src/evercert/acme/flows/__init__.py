"""Conversations with a CA, one file per resource, as generators.

A flow yields what it wants done (`step.Request`, `Sleep`, `SideBySide`), is sent what came of it,
and returns its result. Never here: a socket, a clock, a loop; `drive` has those.
"""
