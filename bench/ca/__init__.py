"""One load for any ACME CA, and what it costs the CA: every peer in a namespace of its own, with real ports.

Never here: anything that treats one peer other than the next, its start apart.
"""
