"""Real programs from elsewhere, started for a test and ended by their process ids.

Rules of this room: a program that is not installed is a failure that names it, never a skip; ports come from
`ports` or from a network namespace; the machine's trust store, resolver and hosts file are never touched.
"""
