"""Settings and references; the only room that reads the environment.

Never here: effects.
"""
