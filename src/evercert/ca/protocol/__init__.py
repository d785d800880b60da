"""RFC 8555 as a server: one verified request in, one answer out, for each resource.

`verify` is the only way to a payload; `application` routes, and turns every `Problem` into its document.
Never here: a socket, a signature of the CA's, or a decision that belongs to a profile.
"""
