"""From a folder to decisions: how a CA is founded, what its operator has decided, which issuers it has.

Never here: a request, a signature for anybody else, or a loop that runs.
"""
