"""Stage, check, swap, reload, prove, roll back: from a certificate in hand to one that is served.

Never here: issuing, or the decision when to deploy.
"""
