"""Stage, check, swap, reload, prove, roll back.

Never here: issuing, or when to deploy.
"""
