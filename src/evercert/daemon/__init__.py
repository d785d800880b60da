"""Stay and renew.

Never here: what to renew.
"""
