"""What the CA issues: profiles, the names that they allow, and how a request must look to be signed under one.

Never here: a socket, the store, or a signature.
"""
