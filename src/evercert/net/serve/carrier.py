"""What any protocol of the loop's does for a connection, whatever lies between that and its transport."""

from __future__ import annotations

import asyncio

from evercert.net.serve.connection import Connection

__all__ = ["Carrier", "peer_of"]


class Carrier(asyncio.BufferedProtocol):
    """*buffer* is for everybody's octets, one read after another: the loop's own way takes 256 KiB from the system for
    each read, and gives them back."""

    def __init__(self, connection: Connection, buffer: memoryview) -> None:
        self._connection = connection
        self._buffer = buffer

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

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
