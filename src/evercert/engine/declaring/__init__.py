"""From a declaration to what the store wants: compared by digests, told with reasons, written down.

Never here: TOML, and work.
"""
