"""A live TLS port that also answers tls-alpn-01: nobody but the CA may notice."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from evercert.base.names import Identifier
from evercert.net.listen import AlpnFront, AlpnResponder
from evercert.net.listen.proxy_protocol import proxy_header
from evercert.pki.cert import self_signed
from tests.fakes.tls_site import anyone, leave, server_context, serving, visiting
from tests.net.test_listen_alpn import validated

_NAME = "www.example.test"
_PROOF = bytes(range(32))


@dataclass
class Site:
    port: int
    front: AlpnFront
    responder: AlpnResponder


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Gives back what it gets, until its client has no more to say."""
    while octets := await reader.read(65536):
        writer.write(octets)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    responder = AlpnResponder()
    responder.put(_NAME, *self_signed(Identifier("dns", _NAME), _PROOF))
    async with serving(echo, server_context(tmp_path, _NAME)) as upstream:
        front = AlpnFront(responder, "127.0.0.1", upstream)
        yield Site(await front.start(["127.0.0.1", "::1"], 0), front, responder)
        await front.close()
        await responder.close()


async def test_a_validation_reaches_the_responder_and_others_the_server(site: Site) -> None:
    assert _PROOF in await validated(site.port)
    async with visiting(site.port, "::1", ssl=anyone("h2"), server_hostname=_NAME) as (_, writer):
        assert _PROOF not in writer.get_extra_info("ssl_object").getpeercert(binary_form=True)


async def test_a_validation_of_a_name_that_is_not_ours_is_the_servers(site: Site) -> None:
    # The live server may be an ACME client itself.
    async with visiting(site.port, ssl=anyone("acme-tls/1"), server_hostname="other.test") as (_, writer):
        assert _PROOF not in writer.get_extra_info("ssl_object").getpeercert(binary_form=True)


async def test_long_lived_clients_notice_nothing_while_validations_come_and_go(site: Site) -> None:
    clients = [
        await asyncio.open_connection("127.0.0.1", site.port, ssl=anyone(), server_hostname=_NAME) for _ in range(50)
    ]

    async def converse(number: int) -> int:
        reader, writer = clients[number]
        said = 0
        for turn in range(20):
            words = f"{number}:{turn};".encode() * 500
            writer.write(words)
            assert await reader.readexactly(len(words)) == words
            said += 1
        await leave(writer)
        return said

    async def validate() -> int:
        return sum([_PROOF in await validated(site.port) for _ in range(20)])

    *said, seen = await asyncio.gather(*map(converse, range(50)), validate())
    assert said == [20] * 50
    assert seen == 20


async def test_clients_stay_connected_when_the_front_is_closed(site: Site) -> None:
    async with visiting(site.port, ssl=anyone(), server_hostname=_NAME) as (reader, writer):
        await site.front.close()
        writer.write(b"still here")
        assert await reader.readexactly(10) == b"still here"
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", site.port)


async def test_a_hello_in_single_octets_passes_unchanged(site: Site) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = anyone().wrap_bio(incoming, outgoing, server_hostname=_NAME)
    async with visiting(site.port) as (reader, writer):
        is_done = False
        while not is_done:
            with suppress(ssl.SSLWantReadError):
                session.do_handshake()
                is_done = True
            for octet in outgoing.read():
                writer.write(bytes((octet,)))
                await writer.drain()
            if not is_done:
                incoming.write(await reader.read(65536))
        assert session.version() == "TLSv1.3"


@pytest.fixture
async def plain_site() -> AsyncIterator[Site]:
    """The same before a server that speaks no TLS, so that every octet can be seen."""
    async with serving(echo) as upstream:
        front = AlpnFront(AlpnResponder(), "127.0.0.1", upstream)
        yield Site(await front.start(["127.0.0.1"], 0), front, AlpnResponder())
        await front.close()


async def test_what_is_no_tls_is_the_servers_to_refuse(plain_site: Site) -> None:
    async with visiting(plain_site.port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.readexactly(18) == b"GET / HTTP/1.1\r\n\r\n"


async def test_a_client_that_has_said_all_still_gets_its_whole_answer() -> None:
    told = os.urandom(3_000_000)

    async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b"the question"
        writer.write(told)
        await writer.drain()

    async with serving(answer_at_the_end) as upstream:
        front = AlpnFront(AlpnResponder(), "127.0.0.1", upstream)
        port = await front.start(["127.0.0.1"], 0)
        async with visiting(port) as (reader, writer):
            writer.write(b"the question")
            writer.write_eof()
            assert await reader.read() == told
        await front.close()


async def test_a_reader_that_does_not_read_holds_its_sender_up_and_not_our_memory() -> None:
    taken, over = 0, asyncio.Event()

    async def take_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()

    async with serving(take_nothing) as upstream:
        front = AlpnFront(AlpnResponder(), "127.0.0.1", upstream)
        port = await front.start(["127.0.0.1"], 0)
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", port))
            with suppress(TimeoutError):
                while taken < 200_000_000:
                    async with asyncio.timeout(0.5):
                        await loop.sock_sendall(client, b"X" * 1_000_000)
                    taken += 1_000_000
        over.set()
        assert taken < 50_000_000
        await front.close()


async def test_only_those_that_say_no_hello_are_sent_away(tmp_path: Path) -> None:
    async with serving(echo, server_context(tmp_path, _NAME)) as upstream:
        front = AlpnFront(AlpnResponder(), "127.0.0.1", upstream, patience=0.2)
        port = await front.start(["127.0.0.1"], 0)
        async with visiting(port, ssl=anyone(), server_hostname=_NAME) as (reader, writer):
            async with visiting(port) as (silent, slow), asyncio.timeout(5):
                slow.write(b"\x16\x03\x01")
                assert await silent.read() == b""
            writer.write(b"still here")
            assert await reader.readexactly(10) == b"still here"
        await front.close()


async def test_a_server_that_is_away_shows_as_a_reset(tmp_path: Path) -> None:
    async with serving(echo) as upstream:
        pass
    front = AlpnFront(AlpnResponder(), "127.0.0.1", upstream)
    port = await front.start(["127.0.0.1"], 0)
    async with visiting(port) as (reader, writer):
        writer.write(b"anybody there?")
        with pytest.raises(ConnectionResetError):
            await reader.read()
    await front.close()


async def test_a_reset_is_passed_on() -> None:
    fate: asyncio.Future[BaseException | bytes] = asyncio.get_running_loop().create_future()
    arrived = asyncio.Event()

    async def note_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(5) == b"first"
        arrived.set()
        try:
            fate.set_result(await reader.read())
        except OSError as error:
            fate.set_result(error)

    async with serving(note_the_end) as upstream:
        front = AlpnFront(AlpnResponder(), "127.0.0.1", upstream)
        port = await front.start(["127.0.0.1"], 0)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"first")
        async with asyncio.timeout(5):
            await arrived.wait()
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            assert isinstance(await fate, ConnectionResetError)
        await front.close()


async def test_the_proxy_protocol_names_the_client_first() -> None:
    async with serving(echo) as upstream:
        front = AlpnFront(AlpnResponder(), "127.0.0.1", upstream, proxy_protocol=True)
        port = await front.start(["127.0.0.1"], 0)
        async with visiting(port) as (reader, writer):
            writer.write(b"hello")
            came_from = writer.get_extra_info("sockname")
            expected = proxy_header(came_from, ("127.0.0.1", port)) + b"hello"
            assert await reader.readexactly(len(expected)) == expected
        await front.close()


def test_a_proxy_header_is_written_as_its_specification_shows() -> None:
    ipv4 = proxy_header(("192.0.2.1", 0x1234), ("198.51.100.2", 443))
    assert ipv4.hex() == "0d0a0d0a000d0a515549540a" + "2111" + "000c" + "c0000201" + "c6336402" + "1234" + "01bb"
    ipv6 = proxy_header(("2001:db8::1", 1, 0, 0), ("2001:db8::2", 443, 0, 0))
    assert ipv6[12:16].hex() == "21210024"
    assert len(ipv6) == 16 + 36
