"""The port checks through the real transport and the real probe, at servers of this test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from evercert.base.clock import SystemClock
from evercert.base.names import parse_identifier
from evercert.net.http import HttpSettings, HttpTransport
from evercert.net.tls import probe
from evercert.observe.http_port import judge_http_port, look_at_http_port
from evercert.observe.tls_port import look_at_tls_port

NAME = parse_identifier("www.example.test")


@asynccontextmanager
async def server(reply: Callable[[bytes], bytes], address: str = "127.0.0.1") -> AsyncIterator[int]:
    """Answers each request with what *reply* makes of it; yields the port that the system gave."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(await reader.read(4096)))
        writer.close()

    async with await asyncio.start_server(serve, address, 0) as listening:
        yield listening.sockets[0].getsockname()[1]


@asynccontextmanager
async def transport() -> AsyncIterator[HttpTransport]:
    made = HttpTransport(HttpSettings(timeout=5), SystemClock())
    try:
        yield made
    finally:
        await made.close()


async def test_an_address_is_asked_by_its_number_for_the_name() -> None:
    heads: list[bytes] = []

    def not_found(head: bytes) -> bytes:
        heads.append(head.lower())
        return b"HTTP/1.1 404 Not Found\r\nServer: it\r\nContent-Length: 0\r\n\r\n"

    async with server(not_found) as port, transport() as web:
        (view,) = await look_at_http_port(NAME, ["127.0.0.1"], web, port)
    assert (view.status, view.server) == (404, "it")
    assert heads[0].count(b"\r\nhost:") == 1
    assert f"\r\nhost: www.example.test:{port}\r\n".encode() in heads[0]


async def test_an_endless_page_counts_as_an_answer() -> None:
    def page(_: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nhello"

    async with server(page) as port, transport() as web:
        (view,) = await look_at_http_port(NAME, ["127.0.0.1"], web, port)
    assert view.answered
    assert [finding.check for finding in judge_http_port(NAME, [view], "webroot")] == ["port-80"]


async def test_a_closed_port_is_told_from_an_open_one() -> None:
    async with server(lambda _: b"") as port, transport() as web:
        views = await look_at_http_port(NAME, ["127.0.0.2"], web, port)
    assert [view.failure for view in views] == ["unreachable"]


async def test_a_handshake_with_no_tls_server_is_a_failure_of_that_address() -> None:
    async with server(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        first, second = await look_at_tls_port(NAME, ["127.0.0.1", "127.0.0.2"], probe, port)
    assert (first.failure, second.failure) == ("tls", "unreachable")
