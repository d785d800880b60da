"""A TLS connection until its ClientHello has been read: then it is known whom it is for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

from evercert.base.errors import EvercertError
from evercert.net.hello import Hello, HelloReader

__all__ = ["PATIENCE", "GoOn", "Opening"]

# A client that has not said hello within so many seconds never will.
PATIENCE: Final = 10.0
_MAX_WAITING: Final = 1024

# Takes the connection over, with all that was received; no hello: what came is not TLS.
GoOn = Callable[[asyncio.Transport, bytes, Hello | None], None]


class Opening(asyncio.Protocol):
    """Reads the hello and hands the connection on, with every octet that was read."""

    def __init__(self, go_on: GoOn, waiting: dict[Opening, None], patience: float) -> None:
        self._go_on = go_on
        self._patience = patience
        # Oldest first: the one that makes room when there are too many.
        self._waiting = waiting
        self._reader = HelloReader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # what a loop makes for a stream, whatever its class
        if len(self._waiting) >= _MAX_WAITING:
            next(iter(self._waiting)).end()
        self._waiting[self] = None
        self._timer = asyncio.get_running_loop().call_later(self._patience, self.end)

    def data_received(self, data: bytes) -> None:
        try:
            hello = self._reader.feed(data)
        except EvercertError:
            self._hand_on(None)
        else:
            if hello is not None:
                self._hand_on(hello)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def end(self) -> None:
        self._leave()
        self._transport.abort()

    def _hand_on(self, hello: Hello | None) -> None:
        self._leave()
        self._go_on(self._transport, bytes(self._reader.received), hello)

    def _leave(self) -> None:
        self._timer.cancel()
        self._waiting.pop(self, None)
