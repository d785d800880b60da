"""The world as a CA's validation sees it: DNS, a page, a handshake, of peers of which nothing is known but an address.

Written on the socket, because a CA does it hundreds of times a second and the peer is whoever asks for a certificate:
no pool, no proxy, no cookie, no redirect, no decompression, nothing that was not asked for.
"""
