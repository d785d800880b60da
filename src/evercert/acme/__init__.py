"""RFC 8555 and its extensions, sans-I/O; only `drive` and `client` touch a transport.

Never here: files, the store, or which certificate is wanted.
"""
