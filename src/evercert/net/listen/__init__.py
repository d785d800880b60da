"""What listens for a CA that validates: a few octets of HTTP, a handshake, or a port shared with a live server.

Never here: what is answered, which is the solvers' to say. Everything that connects is hostile and bounded.
"""

from evercert.net.listen.alpn import AlpnResponder
from evercert.net.listen.front import AlpnFront
from evercert.net.listen.http import HttpResponder

__all__ = ["AlpnFront", "AlpnResponder", "HttpResponder"]
