"""One connection of HTTP/1.1 to a CA, with as little in between as can be: the client shall not be what is measured."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

from httptools import HttpResponseParser

__all__ = ["Lost", "Origin", "Reply", "Wire"]


class Lost(Exception):
    """The connection ended before the answer had come."""


@dataclass(frozen=True)
class Origin:
    """Where a CA listens."""

    host: str
    port: int
    context: ssl.SSLContext | None

    @classmethod
    def of(cls, url: str, authority: str) -> Origin:
        parts = urlsplit(url)
        context = None
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=authority)
        return cls(parts.hostname or "", parts.port or 443, context)


@dataclass(slots=True)
class Reply:
    """Header names are in lower case; of several of one name the last is kept."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Wire(asyncio.Protocol):
    """Asks one thing at a time; connects when it is not connected."""

    def __init__(self, origin: Origin, patience: float = 10.0) -> None:
        self._origin, self._patience = origin, patience
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Reply] | None = None

    async def ask(self, method: str, url: str, body: bytes = b"") -> Reply:
        """Raises `Lost` and `TimeoutError`."""
        if self._transport is None or self._transport.is_closing():
            await self._connect()
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        self._parser, self._reply = HttpResponseParser(self), Reply()
        self._is_head = method == "HEAD"
        self._answer = answer = loop.create_future()
        overdue = loop.call_later(self._patience, self._fail, TimeoutError(f"{method} {url}"))
        self._transport.write(self._request(method, url, body))
        try:
            reply: Reply = await answer
            return reply
        finally:
            overdue.cancel()
            self._answer = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # what a loop makes for a stream, whatever its class

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(Lost())

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._reply.headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        self._reply.status = self._parser.get_status_code()
        if self._is_head:
            self.on_message_complete()

    def on_body(self, piece: bytes) -> None:
        self._reply.body += piece

    def on_message_complete(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._reply)

    async def _connect(self) -> None:
        origin = self._origin
        await asyncio.get_running_loop().create_connection(lambda: self, origin.host, origin.port, ssl=origin.context)

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
            self.close()

    def _request(self, method: str, url: str, body: bytes) -> bytes:
        path = url[url.index("/", url.index("://") + 3) :]
        fields = f"{method} {path} HTTP/1.1\r\nHost: {self._origin.host}:{self._origin.port}\r\nUser-Agent: bench\r\n"
        if body:
            fields += f"Content-Type: application/jose+json\r\nContent-Length: {len(body)}\r\n"
        return f"{fields}\r\n".encode() + body
