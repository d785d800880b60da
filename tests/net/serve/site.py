"""A server of ours on loopback, spoken to in raw octets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from evercert.base.clock import SystemClock
from evercert.base.serving import Answer, Application, Asked
from evercert.net.serve import HttpServer, Limits, TlsIdentity
from tests.fakes.tls_site import visiting

__all__ = ["Site", "echo", "ended", "request", "serving_site"]


async def echo(asked: Asked) -> Answer:
    """Says what it was asked."""
    return Answer(200, f"{asked.method} {asked.path}?{asked.query} ".encode() + asked.body)


def request(method: str = "GET", path: str = "/", body: bytes = b"", *fields: str) -> bytes:
    length = (f"Content-Length: {len(body)}",) if body else ()
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: ca.test", *fields, *length, "", "")).encode() + body


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether it ended without a word."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


@dataclass
class Site:
    """`seen` are the answers that were observed: method, path, status, octets."""

    server: HttpServer
    port: int = 0
    seen: list[tuple[str, str, int, int]] = field(default_factory=list)

    async def say(self, *octets: bytes, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> bytes:
        """All that is answered until the other side closes; the last request has to ask for that."""
        async with visiting(self.port, host, ssl=context, **({"server_hostname": ""} if context else {})) as (
            reader,
            writer,
        ):
            for piece in octets:
                writer.write(piece)
                await writer.drain()
            async with asyncio.timeout(10):
                return await reader.read()


@asynccontextmanager
async def serving_site(
    application: Application = echo, tls: TlsIdentity | None = None, limits: Limits | None = None
) -> AsyncIterator[Site]:
    site: Site

    def observe(asked: Asked, status: int, seconds: float, octets: int) -> None:
        assert seconds >= 0
        site.seen.append((asked.method, asked.path, status, octets))

    site = Site(HttpServer(application, tls=tls, limits=limits or Limits(), clock=SystemClock(), observer=observe))
    site.port = await site.server.start(["127.0.0.1", "::1"], 0)
    try:
        yield site
    finally:
        async with asyncio.timeout(10):
            await site.server.close(0.1)
