"""A connection straight on its transport."""

from __future__ import annotations

import asyncio
from typing import cast

from evercert.net.serve.connection import Connection

__all__ = ["Plain", "peer_of"]


class Plain(asyncio.BufferedProtocol):
    """The loop's protocol; the transport is the wire of its connection.

    *buffer* is for everybody's octets, one read after another: the loop's own way takes 256 KiB from the system for
    each read, and gives them back.
    """

    def __init__(self, connection: Connection, buffer: memoryview) -> None:
        self._connection = connection
        self._buffer = buffer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        wire = cast(asyncio.Transport, transport)  # what a loop makes for a stream, whatever its class
        if self._connection.arrive(wire):
            self._connection.begin(peer_of(wire), b"")

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._connection.data_received(bytes(self._buffer[:nbytes]))

    def eof_received(self) -> bool:
        return self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()


def peer_of(transport: asyncio.BaseTransport) -> str:
    """The address of whoever is connected; "" where he is gone already."""
    name = transport.get_extra_info("peername")
    return str(name[0]) if name else ""
