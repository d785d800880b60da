"""A large fleet over years: a million certificates as columns, decided about by the engine's own pure parts.

Never here: a rule of the engine's that could be asked of it, a database, a client, or what a history shows better.
"""
