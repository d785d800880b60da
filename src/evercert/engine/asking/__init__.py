"""Asking CAs for certificates: which one, or two at once; the attempt, its order, its end; and what a failure says.

Never here: when a certificate is due, how much a CA allows, or the protocol.
"""
