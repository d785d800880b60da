"""Bytes to keys and certificates and back; the only room that imports `cryptography`.

Never here: files, sockets, time, or a decision about which certificate is wanted.
"""
