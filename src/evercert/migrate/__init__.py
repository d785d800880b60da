"""Other clients' folders, read: their certificates, keys, accounts and habits as our own nouns.

Never here: a write into those folders, a shell, or the store.
"""
