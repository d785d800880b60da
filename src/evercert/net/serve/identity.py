"""Who a server of ours is, and whom it asks who they are; changed while it serves."""

from __future__ import annotations

import ssl

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.net.serving_context import serving_context

__all__ = ["TlsIdentity"]


class TlsIdentity:
    """The chain that is shown to every client, whatever name it asks for, and its key.

    Where there are *client_roots* (PEM), a client is asked for a certificate that leads to one of them, and whoever
    shows another is refused; without *requires_client* whoever shows none is let in all the same.
    """

    def __init__(
        self, chain_pem: str, key_pem: Secret, *, client_roots: str = "", requires_client: bool = False
    ) -> None:
        self._client_roots = client_roots
        self._requires_client = requires_client
        self._context = self._made(chain_pem, key_pem)

    @property
    def context(self) -> ssl.SSLContext:
        """For the next connection."""
        return self._context

    def replace(self, chain_pem: str, key_pem: Secret) -> None:
        """Afterwards new connections are shown this chain; what is connected stays so.

        Raises `bad-certificate` for what no TLS server can show, and then nothing has changed.
        """
        self._context = self._made(chain_pem, key_pem)

    def _made(self, chain_pem: str, key_pem: Secret) -> ssl.SSLContext:
        context = serving_context(chain_pem, key_pem)
        context.set_alpn_protocols(["http/1.1"])
        if self._client_roots:
            _ask_clients(context, self._client_roots, requires=self._requires_client)
        return context


def _ask_clients(context: ssl.SSLContext, roots: str, *, requires: bool) -> None:
    try:
        context.load_verify_locations(cadata=roots)
    except (ssl.SSLError, ValueError) as error:
        raise EvercertError("bad-certificate", "the roots that clients are checked against are no PEM") from error
    context.verify_mode = ssl.CERT_REQUIRED if requires else ssl.CERT_OPTIONAL
    # A resumed session would carry over what was verified hours ago.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
