"""A DNS server that answers as a test says, UDP and TCP on one port of the system's choice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self, cast

import dns.message

__all__ = ["DnsServer"]

# The datagrams (or whole messages over TCP) that answer a question; none is silence.
Answering = Callable[[bytes, bool], list[bytes]]


class DnsServer:
    """`answering` is given the question's octets and whether it came over TCP. `questions` is what was asked."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self.questions: list[tuple[dns.message.Message, bool]] = []
        self.address = ""

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._serve_stream, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        # The system chose the TCP port; that of the same number for UDP is as good as always free.
        self._datagrams, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), ("127.0.0.1", port))
        self.address = f"127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._datagrams.close()
        await self._server.wait_closed()

    def answers_to(self, wire: bytes, over_tcp: bool) -> list[bytes]:
        self.questions.append((dns.message.from_wire(wire), over_tcp))
        return self._answering(wire, over_tcp)

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
            for answer in self.answers_to(wire, over_tcp=True):
                writer.write(len(answer).to_bytes(2) + answer)
                await writer.drain()
        except (EOFError, OSError):
            pass
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for answer in self._server.answers_to(data, over_tcp=False):
            self._transport.sendto(answer, addr)
