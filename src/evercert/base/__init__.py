"""Nouns for everybody: errors, time, names, secrets, back-off, one request and its response.

Here: small frozen values and pure functions that every room may use.
Never here: I/O, the environment, or anything beyond the standard library
(one exception, with its reason, in `names`).
"""
