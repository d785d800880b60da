"""The whole engine under a clock of its own, in a world that is made up: years in seconds, the same from the same seed.

Never here: a thread, a socket, the machine's time, or a rule that the engine does not obey elsewhere.
"""
