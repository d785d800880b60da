"""A connection straight on its transport."""

from __future__ import annotations

import asyncio
from typing import cast

from evercert.net.serve.carrier import Carrier, peer_of

__all__ = ["Plain"]


class Plain(Carrier):
    """The loop's protocol; the transport is the wire of its connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        wire = cast(asyncio.Transport, transport)  # what a loop makes for a stream, whatever its class
        if self._connection.arrive(wire):
            self._connection.begin(peer_of(wire), b"")

    def buffer_updated(self, nbytes: int) -> None:
        self._connection.data_received(bytes(self._buffer[:nbytes]))
