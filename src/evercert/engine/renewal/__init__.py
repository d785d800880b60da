"""When to renew: what the CA suggests (ARI), windows and freezes, and the spread over time.

Never here: issuing.
"""
