"""The server: a port, an application behind it, and everybody who is connected.

Written on llhttp (httptools), as the usual ASGI server is, but without ASGI: measured side by side over TLS with
keep-alive, a request costs 30 us of processor here and 58 us there, ten times for each certificate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from evercert.base.clock import Clock
from evercert.base.serving import Application
from evercert.net.listen.bind import Listener
from evercert.net.serve.connection import Connection
from evercert.net.serve.crowd import Crowd
from evercert.net.serve.encrypted import Encrypted
from evercert.net.serve.identity import TlsIdentity
from evercert.net.serve.limits import Limits
from evercert.net.serve.plain import Plain
from evercert.net.serve.reply import date_field
from evercert.net.serve.service import Observer, Service, nobody

__all__ = ["HttpServer"]

# Of a second, at most: how late a connection may be found overdue, and a Date may be.
_TICK: Final = 0.5
_READ_AT_ONCE: Final = 64 * 1024


class HttpServer:
    """Answers HTTP/1.1 (and 1.0) with *application*: over TLS where it is given an identity, in the clear where not.

    Whatever is no request, or too much, is answered with a bare 4xx and the connection ends; an application that
    raises, with a bare 500, and the log has the reason. Owned by one event loop.
    """

    def __init__(
        self,
        application: Application,
        *,
        tls: TlsIdentity | None,
        limits: Limits,
        clock: Clock,
        observer: Observer = nobody,
    ) -> None:
        self._tls = tls
        self._service = Service(application, limits, clock, observer, Crowd(limits.connections))
        self._buffer = memoryview(bytearray(_READ_AT_ONCE))
        self._listener = Listener(self._protocol)
        self._ticking: asyncio.Task[None] | None = None

    async def start(self, addresses: Sequence[str], port: int) -> int:
        """Afterwards it answers on *port* (0: any free one) of every address; the port. Raises `port`."""
        self._service.date = date_field(self._service.clock.now())
        bound = await self._listener.start(addresses, port)
        self._ticking = asyncio.get_running_loop().create_task(self._tick())
        return bound

    async def close(self, grace: float) -> None:
        """Afterwards the port is free and nobody is connected. Whatever was asked is answered, if that takes no
        longer than *grace* seconds; then it is cancelled. Idempotent."""
        self._listener.close()
        await self._service.crowd.close(grace)
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._service.crowd)

    def _protocol(self) -> asyncio.BufferedProtocol:
        connection = Connection(self._service)
        if self._tls is None:
            return Plain(connection, self._buffer)
        return Encrypted(connection, self._tls.context, self._buffer)

    async def _tick(self) -> None:
        service = self._service
        seconds = min(_TICK, service.limits.shortest() / 2)
        while True:
            await service.clock.sleep(seconds)
            service.date = date_field(service.clock.now())
            service.crowd.sweep(service.clock.monotonic())
