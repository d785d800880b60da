"""An ACME CA in memory, which is its own transport, and the ways in which one can behave badly.

Never here: anything that Evercert's own CA runs on; it is a second reading of RFC 8555.
"""
