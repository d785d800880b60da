"""What stands before the nodes: one address, behind which each connection meets the next node that is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

__all__ = ["Front"]

_PORTION = 64 * 1024


class Front:
    """Passes octets on, and looks at none of them: TLS is between the customer and the node."""

    def __init__(self, nodes: Sequence[int]) -> None:
        self._nodes = list(nodes)
        self._next = 0
        self.only: int | None = None

    @asynccontextmanager
    async def open(self, port: int) -> AsyncIterator[None]:
        """Inside, it listens on that port of 127.0.0.1."""
        server = await asyncio.start_server(self._meet, "127.0.0.1", port)
        try:
            yield
        finally:
            server.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = await self._node()
        if found is None:
            writer.transport.abort()
            return
        there, onward = found
        with suppress(OSError):
            await asyncio.gather(_pass_on(reader, onward), _pass_on(there, writer))

    async def _node(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection with the next node that takes one; the chosen one alone where one was chosen."""
        for _ in self._nodes:
            self._next = (self._next + 1) % len(self._nodes)
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", self.only or self._nodes[self._next])
        return None


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while octets := await reader.read(_PORTION):
            writer.write(octets)
            await writer.drain()
    except OSError:
        writer.transport.abort()
    finally:
        writer.close()
