"""One running node: every part made once, on its ports, kept up, watched, until somebody asks it to stop.

Never here: a rule about who gets what.
"""
