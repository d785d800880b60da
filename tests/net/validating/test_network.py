"""The CA's own eyes, on real sockets: pages and handshakes of peers that do as they like."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.names import parse_identifier
from evercert.base.probe import DialFailure, Door, Limits, Page
from evercert.net.listen.alpn import AlpnResponder
from evercert.net.validating.network import ValidatingNetwork
from evercert.pki.cert import self_signed
from tests.fakes.peer import Peer, Speak, read_request
from tests.fakes.tls_site import server_context
from tests.peers.ports import free_port

USUAL = Limits()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproof"


def saying(answer: bytes) -> Speak:
    def speak(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    return speak


async def fetched(port: int, limits: Limits = USUAL, tls: bool = False, address: str = "127.0.0.1") -> Page:
    door = Door(address, port, "www.example.test", "/path", tls, "www.example.test" if tls else "")
    return await ValidatingNetwork(["127.0.0.1:9"]).fetch(door, limits)


async def test_a_page_is_fetched_and_the_connection_closed() -> None:
    asked: list[bytes] = []

    def speak(connection: socket.socket) -> None:
        asked.append(read_request(connection))
        connection.sendall(OK)

    with Peer(speak) as peer:
        assert await fetched(peer.port) == Page(200, body=b"proof")
    assert asked[0].startswith(b"GET /path HTTP/1.1\r\nHost: www.example.test\r\n")
    assert b"Accept-Encoding: identity\r\n" in asked[0]


async def test_a_page_is_fetched_over_ipv6() -> None:
    with Peer(saying(OK), address="::1") as peer:
        assert (await fetched(peer.port, address="::1")).body == b"proof"


async def test_a_page_is_fetched_over_tls_from_whoever_has_whatever_certificate(tmp_path: Path) -> None:
    with Peer(saying(OK), server_context(tmp_path, "somebody.else.test")) as peer:
        assert await fetched(peer.port, tls=True) == Page(200, body=b"proof")


async def test_the_proxy_of_the_environment_is_of_no_interest(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Peer(saying(OK)) as peer:
        assert (await fetched(peer.port)).status == 200


async def test_nobody_there_is_a_failed_dial() -> None:
    with pytest.raises(DialFailure) as raised:
        await fetched(free_port())
    assert "connection refused" in raised.value.message


async def test_whoever_does_not_take_the_connection_is_a_failed_dial_in_time() -> None:
    # A queue of connections that nobody takes, filled until the kernel answers no more.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        with pytest.raises(DialFailure) as raised:
            await fetched(port, Limits(dial=0.3))
        for each in waiting:
            each.close()
    assert raised.value.code.name == "timeout"


async def test_whoever_breaks_off_or_speaks_no_http_is_no_failed_dial(tmp_path: Path) -> None:
    for speak in (saying(b""), saying(b"HTTP/1.1 200 OK\r\n"), saying(b"220 smtp\r\n\r\n"), lambda connection: None):
        with Peer(speak) as peer, pytest.raises(NetworkFailure) as raised:
            await fetched(peer.port)
        assert not isinstance(raised.value, DialFailure)
        assert "smtp" not in raised.value.message


async def test_no_tls_where_it_is_wanted_is_a_tls_failure() -> None:
    with Peer(lambda connection: connection.sendall(OK)) as peer, pytest.raises(NetworkFailure) as raised:
        await fetched(peer.port, tls=True)
    assert raised.value.code.name == "tls"


def drip(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(1000):
        connection.sendall(b"a")
        time.sleep(0.02)


async def test_one_octet_at_a_time_ends_with_the_time() -> None:
    began = time.monotonic()
    with Peer(drip) as peer, pytest.raises(NetworkFailure) as raised:
        await fetched(peer.port, Limits(total=0.3))
    assert raised.value.code.name == "timeout"
    assert time.monotonic() - began < 3


async def test_more_than_the_limit_is_not_read() -> None:
    sent: list[int] = []

    def flood(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n")
        while True:
            sent.append(connection.send(bytes(1 << 16)))

    with Peer(flood) as peer:
        page = await fetched(peer.port, Limits(body=100))
    assert (len(page.body), page.whole) == (100, False)
    assert sum(sent) < 20_000_000  # what the kernel's buffers hold


async def test_a_header_without_end_is_cut_off() -> None:
    def flood(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-Y: " + b"z" * 1000 + b"\r\n")

    with Peer(flood) as peer, pytest.raises(NetworkFailure) as raised:
        await fetched(peer.port)
    assert raised.value.code.name == "too-large"


async def test_a_cancelled_fetch_leaves_no_connection() -> None:
    with Peer(drip) as peer:
        task = asyncio.create_task(fetched(peer.port))
        while not peer.accepted:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_certificate_of_a_challenge_is_seen() -> None:
    name = parse_identifier("www.example.test")
    certificate, key = self_signed(name, bytes(32))
    responder = AlpnResponder()
    port = await responder.start(["127.0.0.1"], 0)
    try:
        responder.put("www.example.test", certificate, key)
        network = ValidatingNetwork(["127.0.0.1:9"])
        seen = await network.alpn_certificate("127.0.0.1", port, "www.example.test", Limits())
        assert (seen.alpn, seen.version) == ("acme-tls/1", "TLSv1.3")
        assert seen.certificate == ssl.PEM_cert_to_DER_cert(certificate)
        with pytest.raises(NetworkFailure) as raised:
            await network.alpn_certificate("127.0.0.1", port, "other.example.test", Limits())
        assert raised.value.code.name == "tls"
    finally:
        await responder.close()


async def test_an_old_tls_is_refused(tmp_path: Path) -> None:
    context = server_context(tmp_path, "www.example.test")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with Peer(lambda connection: None, context) as peer, pytest.raises(NetworkFailure) as raised:
        await ValidatingNetwork(["127.0.0.1:9"]).alpn_certificate("127.0.0.1", peer.port, "a.test", Limits())
    assert raised.value.code.name == "tls"


async def test_a_machine_without_a_file_left_blames_nobody_else() -> None:
    network = ValidatingNetwork(["127.0.0.1:9"])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    try:
        highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 4, hard))
        with suppress(OSError):
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        for seeing in (fetched(80), network.txt("a.test"), network.addresses("a.test")):
            with pytest.raises(EvercertError) as raised:
                await seeing
            assert raised.value.code.name == "internal"
    finally:
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
