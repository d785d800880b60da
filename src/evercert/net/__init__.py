"""The only room that opens sockets

HTTP, DNS, TLS probes, listeners.:Never here: the ACME protocol, or what an answer means for a certificate.
"""
