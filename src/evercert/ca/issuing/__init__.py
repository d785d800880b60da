"""From an order that is ready to a certificate that is kept: checked, linted, signed, in that sequence.

Never here: a socket, a path of HTTP, or a profile's rules.
"""
