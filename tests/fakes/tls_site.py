"""A TLS server with a certificate of its own, for tests that need somebody to talk TLS with."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from evercert.base.names import parse_identifiers
from evercert.pki.cert import self_signed_server

__all__ = ["anyone", "leave", "server_context", "serving", "visiting"]

Visit = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def server_context(folder: Path, *names: str, at: datetime | None = None) -> ssl.SSLContext:
    """A context whose certificate, made *at* a moment (an hour ago), is for *names*; it is `folder / "root.pem"` as
    well, for who wants to trust it."""
    made = at or datetime.now(UTC) - timedelta(hours=1)
    certificate, key = self_signed_server(parse_identifiers(names), made)
    (folder / "root.pem").write_text(certificate)
    (folder / "key.pem").write_bytes(key.reveal())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "root.pem", folder / "key.pem")
    return context


def anyone(*alpn: str) -> ssl.SSLContext:
    """A client that trusts everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


async def leave(writer: asyncio.StreamWriter) -> None:
    """Afterwards the connection is closed on our side, whatever the other one did."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def visiting(
    port: int, host: str = "127.0.0.1", **how: Any
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of a client's, as `asyncio.open_connection`, that is left when the block is."""
    reader, writer = await asyncio.open_connection(host, port, **how)
    try:
        yield reader, writer
    finally:
        await leave(writer)


@asynccontextmanager
async def serving(
    visit: Visit, context: ssl.SSLContext | None = None, addresses: Sequence[str] = ("127.0.0.1",)
) -> AsyncIterator[int]:
    """*visit* answers every connection on the port that is given; its failures are the peers' and are passed over."""
    visits: set[asyncio.Task[None]] = set()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        visits.add(task)
        try:
            await visit(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            await leave(writer)
            visits.discard(task)

    server = await asyncio.start_server(
        receive, addresses, 0, ssl=context, ssl_handshake_timeout=5 if context else None
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        if visits:  # those whose clients have left end by themselves
            await asyncio.wait(visits, timeout=2)
        for task in tuple(visits):
            task.cancel()
        await asyncio.gather(*visits, return_exceptions=True)
