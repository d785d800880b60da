"""HTTP/1.1 for our own servers, with TLS and without: bounded in octets, time and number, whoever connects.

Never here: what is answered (an `Application`), or where a certificate comes from.
"""

from evercert.net.serve.identity import TlsIdentity
from evercert.net.serve.limits import Limits
from evercert.net.serve.server import HttpServer

__all__ = ["HttpServer", "Limits", "TlsIdentity"]
