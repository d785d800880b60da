"""A live TLS port that also answers tls-alpn-01: validations go to the responder, everybody else straight through.

TLS is not touched: the upstream server's certificates, sessions and clients stay its own, and what a client
sends reaches it octet for octet. What is lost is the client's address, unless the upstream reads the PROXY
protocol.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import struct
from collections.abc import Sequence
from typing import Final

from evercert.net.hello import Hello
from evercert.net.listen.alpn import AlpnResponder
from evercert.net.listen.bind import Listener
from evercert.net.listen.opening import PATIENCE, Opening
from evercert.net.listen.proxy_protocol import proxy_header

__all__ = ["AlpnFront"]

_CONNECT_PATIENCE: Final = 10.0
_MAX_SPLICED: Final = 16_384
# Descriptors that are not ours to spend on clients: the store, a CA, a server that is being reloaded.
_SPARE_DESCRIPTORS: Final = 256


class AlpnFront:
    """Stands on the public port and passes connections to the server at *upstream_host*:*upstream_port*.

    *proxy_protocol*: each begins with a header that names the client (version 2 of the PROXY protocol);
    the upstream server must expect it. Whoever has not said hello within *patience* seconds is sent away; what is
    spliced may be silent for as long as its two ends like. Owned by one event loop.
    """

    def __init__(
        self,
        responder: AlpnResponder,
        upstream_host: str,
        upstream_port: int,
        *,
        proxy_protocol: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        self._responder = responder
        self._upstream = upstream_host, upstream_port
        self._proxy_protocol = proxy_protocol
        self._waiting: dict[Opening, None] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self._spliced: set[_End] = set()
        self._room = _room()
        self._listener = Listener(lambda: Opening(self._go_on, self._waiting, patience))

    async def start(self, addresses: Sequence[str], port: int) -> int:
        """Afterwards *port* (0: any free one) of every address leads here; the port. Raises `port`."""
        return await self._listener.start(addresses, port)

    async def close(self) -> None:
        """Afterwards the port is free. Clients that are connected to the upstream server stay so, until
        either end closes. Idempotent."""
        self._listener.close()
        for opening in tuple(self._waiting):
            opening.end()
        if self._connecting:
            await asyncio.wait(self._connecting)

    def _go_on(self, transport: asyncio.Transport, received: bytes, hello: Hello | None) -> None:
        if hello is not None and self._responder.takes(hello):
            self._responder.shake_hands(transport, received, hello)
        elif len(self._spliced) + 2 * len(self._connecting) >= self._room:
            _reset(transport)
        else:
            # What is no TLS goes there as well: it is the upstream's to refuse, as if we were not here.
            client = _End(transport, self._spliced)
            transport.set_protocol(client)
            transport.pause_reading()
            task = asyncio.get_running_loop().create_task(self._connect(client, received))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self, client: _End, received: bytes) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_PATIENCE):
                upstream, _ = await loop.create_connection(asyncio.Protocol, *self._upstream)
        except (OSError, TimeoutError):
            _reset(client.transport)
            return
        if client.transport.is_closing():
            upstream.abort()
            return
        if self._proxy_protocol:
            name = client.transport.get_extra_info
            upstream.write(proxy_header(name("peername"), name("sockname")))
        upstream.write(received)
        _join(client, _End(upstream, self._spliced))


class _End(asyncio.Protocol):
    """One end of two that are spliced: what comes in here goes out there, no faster than it is taken."""

    def __init__(self, transport: asyncio.Transport, spliced: set[_End]) -> None:
        self.transport = transport
        self.other: _End | None = None
        self._spliced = spliced
        self._has_ended = False

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """TLS closes in halves: the other direction goes on until it ends too."""
        self._has_ended = True
        if self.other is None or self.other._has_ended:
            return False
        self.other.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._spliced.discard(self)
        if self.other is None:
            return
        if exc is None:
            self.other.transport.close()
        else:
            _reset(self.other.transport)

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.transport.resume_reading()


def _join(client: _End, upstream: _End) -> None:
    client.other, upstream.other = upstream, client
    for end in (client, upstream):
        end._spliced.add(end)
        _keep_alive(end.transport)
    upstream.transport.set_protocol(upstream)
    client.transport.resume_reading()


def _reset(transport: asyncio.Transport) -> None:
    """Ends with a reset, not with an orderly end: the other end failed, and shall be seen to have failed."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _keep_alive(transport: asyncio.Transport) -> None:
    """A peer that vanished without a word is found after some minutes, instead of never."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 120)


def _room() -> int:
    """How many ends may be open: what this process may hold open, and never without a bound."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(_MAX_SPLICED, max(soft - _SPARE_DESCRIPTORS, 2)) if soft != resource.RLIM_INFINITY else _MAX_SPLICED
