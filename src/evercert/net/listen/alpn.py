"""The responder of tls-alpn-01 (RFC 8737): a handshake with the challenge's certificate, and then goodbye."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from evercert.base.secret import Secret
from evercert.net.hello import Hello
from evercert.net.listen.bind import Listener
from evercert.net.listen.opening import PATIENCE, Opening
from evercert.net.serving_context import serving_context

__all__ = ["AlpnResponder"]

_ACME_TLS: Final = b"acme-tls/1"

# RFC 8446 §6.2, fatal: unrecognized_name, no_application_protocol.
_UNKNOWN_NAME: Final = bytes.fromhex("15 03 03 00 02 02 70")
_NO_PROTOCOL: Final = bytes.fromhex("15 03 03 00 02 02 78")


class AlpnResponder:
    """Shows whoever asks for `acme-tls/1` and a name that was put here that name's certificate.

    `put` and `drop` take effect at once. Owned by one event loop. It may be put behind an
    `AlpnFront` instead of being started. Whoever has not said hello within *patience* seconds is sent away.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._waiting: dict[Opening, None] = {}
        self._listener = Listener(lambda: Opening(self._go_on, self._waiting, patience))

    async def start(self, addresses: Sequence[str], port: int) -> int:
        """Afterwards it answers on *port* (0: any free one) of every address; the port. Raises `port`."""
        return await self._listener.start(addresses, port)

    def put(self, server_name: str, certificate_pem: str, key_pem: Secret) -> None:
        """Raises `bad-certificate` for what no TLS server can show."""
        self._contexts[server_name.lower()] = _context(certificate_pem, key_pem)

    def drop(self, server_name: str) -> None:
        """Afterwards nobody is shown its certificate. Idempotent."""
        self._contexts.pop(server_name.lower(), None)

    async def close(self) -> None:
        """Afterwards the port is free. Idempotent."""
        self._listener.close()
        for opening in tuple(self._waiting):
            opening.end()

    def takes(self, hello: Hello) -> bool:
        """Whether this is a validation of a name that was put here."""
        return _is_validation(hello) and hello.server_name in self._contexts

    def shake_hands(self, transport: asyncio.Transport, received: bytes, hello: Hello) -> None:
        """Takes the connection of a client that `takes` was true of, with what it has sent so far."""
        transport.set_protocol(handshake := _Handshake(self._contexts[hello.server_name], transport))
        handshake.data_received(received)

    def _go_on(self, transport: asyncio.Transport, received: bytes, hello: Hello | None) -> None:
        if hello is not None and self.takes(hello):
            self.shake_hands(transport, received, hello)
            return
        if hello is not None:
            transport.write(_UNKNOWN_NAME if _is_validation(hello) else _NO_PROTOCOL)
        transport.close()


def _is_validation(hello: Hello) -> bool:
    """RFC 8737 §3: the client offers this protocol and no other. A browser never does."""
    return hello.alpn == (_ACME_TLS,)


class _Handshake(asyncio.Protocol):
    """The server's half of one handshake, in memory, because its first octets have been read already.

    No application data follows (RFC 8737 §4): we say goodbye and wait a moment for the peer's, because
    closing at once would reset a connection whose last octets are still on their way.
    """

    def __init__(self, context: ssl.SSLContext, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._received, self._to_send, server_side=True)
        self._is_over = False
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        self._received.write(data)
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError:
            self._flush()
            self._transport.close()
        else:
            self._say_goodbye()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()

    def _say_goodbye(self) -> None:
        self._is_over = True
        with suppress(ssl.SSLError):  # it wants the peer's goodbye, which is passed over when it comes
            self._session.unwrap()
        self._flush()
        self._transport.write_eof()

    def _flush(self) -> None:
        self._transport.write(self._to_send.read())


def _context(certificate_pem: str, key_pem: Secret) -> ssl.SSLContext:
    context = serving_context(certificate_pem, key_pem)
    context.set_alpn_protocols([_ACME_TLS.decode()])
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    return context
