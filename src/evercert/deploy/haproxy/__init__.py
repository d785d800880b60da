"""HAProxy's words: its runtime API, and the `bind` lines of its configuration.

Never here: files, programs, or sockets themselves.
"""
