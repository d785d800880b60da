"""The responder of http-01, spoken to as a CA would, and as nobody should."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import pytest

from evercert.base.errors import EvercertError
from evercert.net.listen import HttpResponder

_TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
_PATH = f"/.well-known/acme-challenge/{_TOKEN}"
_ANSWER = f"{_TOKEN}.thumbprint"


class Site:
    def __init__(self, responder: HttpResponder, port: int) -> None:
        self.responder = responder
        self.port = port

    async def say(self, octets: bytes, host: str = "127.0.0.1") -> bytes:
        """All that is answered until the other side closes."""
        reader, writer = await asyncio.open_connection(host, self.port)
        try:
            writer.write(octets)
            async with asyncio.timeout(5):
                return await reader.read()
        finally:
            writer.close()

    async def get(self, target: str, version: str = "1.0", method: str = "GET") -> bytes:
        return await self.say(
            f"{method} {target} HTTP/{version}\r\nHost: example.test\r\nConnection: close\r\n\r\n".encode()
        )


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    responder = HttpResponder()
    port = await responder.start(["127.0.0.1", "::1"], 0)
    responder.put(_TOKEN, _ANSWER)
    yield Site(responder, port)
    await responder.close()


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_token_is_answered_with_its_key_authorization(site: Site, version: str) -> None:
    answer = await site.get(_PATH, version)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body(answer) == _ANSWER.encode()


async def test_it_answers_on_ipv6_too(site: Site) -> None:
    answer = await site.say(f"GET {_PATH} HTTP/1.0\r\n\r\n".encode(), host="::1")
    assert body(answer) == _ANSWER.encode()


async def test_a_whole_url_is_a_target_as_well(site: Site) -> None:
    assert body(await site.get(f"http://example.test{_PATH}")) == _ANSWER.encode()


async def test_head_is_answered_without_a_body(site: Site) -> None:
    answer = await site.get(_PATH, method="HEAD")
    assert f"Content-Length: {len(_ANSWER)}".encode() in answer
    assert body(answer) == b""


@pytest.mark.parametrize(
    "target",
    ["/", _PATH + "/", _PATH + "?", _PATH[:-1], "/.well-known/acme-challenge/", "/x/.." + _PATH, _PATH.upper(), "*"],
)
async def test_everything_else_is_not_there(site: Site, target: str) -> None:
    answer = await site.get(target)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert body(answer) == b""


async def test_a_token_that_was_dropped_is_not_there(site: Site) -> None:
    site.responder.drop(_TOKEN)
    site.responder.drop(_TOKEN)
    assert (await site.get(_PATH)).startswith(b"HTTP/1.1 404 ")


async def test_a_connection_serves_one_request_after_another(site: Site) -> None:
    request = f"GET {_PATH} HTTP/1.1\r\nHost: example.test\r\n"
    answer = await site.say((request + "\r\n" + request + "Connection: close\r\n\r\n").encode())
    assert answer.count(_ANSWER.encode()) == 2


async def test_a_request_in_single_octets_is_answered(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    for octet in f"GET {_PATH} HTTP/1.0\r\n\r\n".encode():
        writer.write(bytes((octet,)))
        await writer.drain()
    assert body(await reader.read()) == _ANSWER.encode()
    writer.close()


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", b"405"),
        (b"GET\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400"),
        (b"GET / HTTP/2.0\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 9000, b"431"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", b"431"),
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_closed(
    site: Site, octets: bytes, status: bytes
) -> None:
    assert (await site.say(octets)).startswith(b"HTTP/1.1 " + status)


async def test_a_body_is_never_taken_for_the_next_request(site: Site) -> None:
    smuggled = f"GET {_PATH} HTTP/1.1\r\n\r\n".encode()
    head = f"GET / HTTP/1.1\r\nContent-Length: {len(smuggled)}\r\n\r\n".encode()
    assert _ANSWER.encode() not in await site.say(head + smuggled)


async def test_more_connections_than_it_keeps_push_out_the_oldest() -> None:
    responder = HttpResponder(connections=3)
    port = await responder.start(["127.0.0.1"], 0)
    responder.put(_TOKEN, _ANSWER)
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
    assert body(await Site(responder, port).get(_PATH)) == _ANSWER.encode()
    async with asyncio.timeout(5):
        assert await held[0][0].read() == b""
    assert not held[4][0].at_eof()
    for _, writer in held:
        writer.close()
    await responder.close()


async def test_a_request_that_takes_too_long_is_not_waited_for() -> None:
    responder = HttpResponder(patience=0.1)
    port = await responder.start(["127.0.0.1"], 0)
    async with asyncio.timeout(5):
        assert await Site(responder, port).say(b"GET / HTTP/1.1\r\nX: ") == b""
    await responder.close()


async def test_a_port_that_is_taken_is_told_with_who_has_it(site: Site) -> None:
    second = HttpResponder()
    with pytest.raises(EvercertError) as raised:
        await second.start(["127.0.0.1"], site.port)
    assert raised.value.code.name == "port"
    assert str(site.port) in raised.value.message
    assert f"(pid {os.getpid()})" in raised.value.hint


async def test_a_start_that_fails_on_one_address_listens_on_none(site: Site) -> None:
    second = HttpResponder()
    with pytest.raises(EvercertError):
        await second.start(["127.0.0.2", "127.0.0.1"], site.port)
    with socket.socket() as connection:
        assert connection.connect_ex(("127.0.0.2", site.port)) != 0


async def test_an_address_that_is_not_ours_is_told() -> None:
    with pytest.raises(EvercertError) as raised:
        await HttpResponder().start(["192.0.2.77"], 0)
    assert raised.value.code.name == "port"
    assert "does not have that address" in raised.value.hint


async def test_after_close_the_port_is_free(site: Site) -> None:
    await site.responder.close()
    again = HttpResponder()
    assert await again.start(["127.0.0.1"], site.port) == site.port
    await again.close()
