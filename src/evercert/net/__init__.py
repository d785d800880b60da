"""The only room that opens sockets: HTTP, DNS, TLS as a client sees it, and what listens for a CA.

Never here: the ACME protocol, or what an answer means for a certificate.
"""
