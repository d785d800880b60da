"""`evercert.toml`: files that say which certificates are wanted, read into intents, or into all that is wrong in them.

Never here: what there is already, and what a plugin's fields mean.
"""
