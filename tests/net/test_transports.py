"""One contract, two transports: what `base.message.Transport` promises, against peers that keep and break the rules."""

from __future__ import annotations

import asyncio
import base64
import gzip
import os
import socket
import ssl
import struct
import threading
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.message import Request, Response
from evercert.net.blocking import BlockingHttpTransport
from evercert.net.http import HttpTransport
from evercert.net.settings import HttpSettings
from tests.fakes.clock import FakeClock
from tests.fakes.peer import Peer, Speak, read_request
from tests.fakes.tls_site import server_context

Send = Callable[[Request], Awaitable[Response]]
Opened = Callable[..., AbstractAsyncContextManager[Send]]

_PATIENCE = 0.4


@pytest.fixture(params=["async", "blocking"])
def opened(request: pytest.FixtureRequest) -> Opened:
    """Opens a transport of one of the two kinds; what it gives is awaited for both."""

    @asynccontextmanager
    async def open_async(**settings: Any) -> AsyncIterator[Send]:
        transport = HttpTransport(HttpSettings(use_system_roots=False, **settings), FakeClock())
        yield transport.send
        await transport.close()

    @asynccontextmanager
    async def open_blocking(**settings: Any) -> AsyncIterator[Send]:
        transport = BlockingHttpTransport(HttpSettings(use_system_roots=False, **settings), FakeClock())
        yield lambda request: asyncio.to_thread(transport.send, request)
        transport.close()

    return open_async if request.param == "async" else open_blocking


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    folder = tmp_path_factory.mktemp("tls")
    return server_context(folder, "127.0.0.1", "localhost", "ca.test"), folder / "root.pem"


def answering(*parts: bytes, keep: bool = False) -> Speak:
    """Answers every request with those octets."""

    def speak(connection: socket.socket) -> None:
        while read_request(connection):
            for part in parts:
                connection.sendall(part)
            if not keep:
                return

    return speak


def silent(connection: socket.socket) -> None:
    """Hears and says nothing until the client has gone."""
    while connection.recv(1 << 16):
        pass


def trickling(first: bytes, drop: bytes) -> Speak:
    """Answers with *first*, then for ever with a *drop* now and then."""

    def speak(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(first)
        while True:
            connection.sendall(drop)
            time.sleep(0.02)

    return speak


def pouring(first: bytes, more: bytes) -> Speak:
    """Answers with *first*, then with *more* for ever, as fast as it is taken."""

    def speak(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(first)
        while True:
            connection.sendall(more)

    return speak


def ending(how: Callable[[socket.socket], None]) -> Speak:
    """Answers with a body that has no length, and with that end of the connection."""

    def speak(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")
        how(connection)

    return speak


def with_goodbye(connection: socket.socket) -> None:
    assert isinstance(connection, ssl.SSLSocket)
    with suppress(OSError):  # the client need not wait for it
        connection.unwrap()


def with_reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def failure_of(send: Send, request: Request) -> NetworkFailure:
    with pytest.raises(NetworkFailure) as raised:
        await send(request)
    return raised.value


def get(peer: Peer, path: str = "/", **more: object) -> Request:
    return Request("GET", f"https://127.0.0.1:{peer.port}{path}", **more)  # type: ignore[arg-type]


_HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


async def test_an_answer_is_given_as_it_came(opened: Opened, trusted: tuple[ssl.SSLContext, Path]) -> None:
    answer = b"HTTP/1.1 404 Nope\r\nLink: <a>\r\nReplay-Nonce: n\r\nLINK: <b>\r\nContent-Length: 2\r\n\r\nno"
    with Peer(answering(answer), trusted[0]) as peer:
        async with opened(roots=trusted[1]) as send:
            response = await send(get(peer))
    assert (response.status, response.body) == (404, b"no")
    assert response.header_list("link") == ["<a>", "<b>"]
    assert response.header("replay-nonce") == "n"
    assert response.received_at == FakeClock().now()


async def test_a_request_goes_out_as_it_was_given(opened: Opened, trusted: tuple[ssl.SSLContext, Path]) -> None:
    seen: list[bytes] = []

    def speak(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(_HELLO)

    with Peer(speak, trusted[0]) as peer:
        async with opened(roots=trusted[1]) as send:
            url = f"https://127.0.0.1:{peer.port}/a/b?c=d"
            await send(Request("POST", url, {"Content-Type": "application/jose+json"}, b'{"a":1}'))
    [request] = seen
    head = request.lower()
    assert request.startswith(b"POST /a/b?c=d HTTP/1.1\r\n")
    assert request.endswith(b'\r\n\r\n{"a":1}')
    assert b"content-type: application/jose+json\r\n" in head
    assert b"user-agent: evercert/" in head
    assert b"accept-encoding: identity\r\n" in head


async def test_one_connection_serves_one_request_after_another(
    opened: Opened, trusted: tuple[ssl.SSLContext, Path]
) -> None:
    with Peer(answering(_HELLO, keep=True), trusted[0]) as peer:
        async with opened(roots=trusted[1]) as send:
            for _ in range(5):
                assert (await send(get(peer))).body == b"hello"
        assert peer.accepted == 1


async def test_no_more_connections_are_opened_than_are_allowed(
    opened: Opened, trusted: tuple[ssl.SSLContext, Path]
) -> None:
    with Peer(answering(_HELLO, keep=True), trusted[0]) as peer:
        async with opened(roots=trusted[1], connections=3) as send:
            responses = await asyncio.gather(*(send(get(peer)) for _ in range(30)))
        assert peer.accepted <= 3
    assert [response.body for response in responses] == [b"hello"] * 30


async def test_a_redirect_is_an_answer_like_any_other(opened: Opened, trusted: tuple[ssl.SSLContext, Path]) -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    with Peer(answering(answer, keep=True), trusted[0]) as peer:
        async with opened(roots=trusted[1]) as send:
            response = await send(get(peer))
    assert (response.status, response.header("location")) == (302, "/elsewhere")


async def test_nothing_is_sent_again_when_a_server_says_try_later(
    opened: Opened, trusted: tuple[ssl.SSLContext, Path]
) -> None:
    asked: list[bytes] = []

    def speak(connection: socket.socket) -> None:
        while request := read_request(connection):
            asked.append(request)
            connection.sendall(b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n")

    with Peer(speak, trusted[0]) as peer:
        async with opened(roots=trusted[1]) as send:
            assert (await send(get(peer))).status == 503
    assert len(asked) == 1


async def test_nothing_is_unpacked(opened: Opened, trusted: tuple[ssl.SSLContext, Path]) -> None:
    packed = gzip.compress(b"0" * 10_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    with Peer(answering(head, packed), trusted[0]) as peer:
        async with opened(roots=trusted[1]) as send:
            assert (await send(get(peer, max_body=len(packed)))).body == packed


async def test_a_body_in_chunks_is_put_together(opened: Opened, trusted: tuple[ssl.SSLContext, Path]) -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    with Peer(answering(answer), trusted[0]) as peer:
        async with opened(roots=trusted[1]) as send:
            assert (await send(get(peer))).body == b"hello"


async def test_head_may_announce_what_get_would_be_refused_for(
    opened: Opened, trusted: tuple[ssl.SSLContext, Path]
) -> None:
    with Peer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"), trusted[0]) as peer:
        async with opened(roots=trusted[1]) as send:
            response = await send(Request("HEAD", f"https://127.0.0.1:{peer.port}/"))
    assert (response.status, response.body) == (200, b"")


@pytest.mark.parametrize(
    "speak",
    [
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"),
        pouring(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", b"x" * 65536),
        pouring(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        pouring(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    ],
    ids=["announced", "announced and sent", "without a length", "in chunks"],
)
async def test_a_body_without_bounds_is_given_up(
    opened: Opened, trusted: tuple[ssl.SSLContext, Path], speak: Speak
) -> None:
    with Peer(speak, trusted[0]) as peer:
        async with opened(roots=trusted[1]) as send:
            failure = await failure_of(send, get(peer))
    assert failure.code.name == "too-large"


@pytest.mark.parametrize(
    "speak",
    [
        pouring(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n"),
        pouring(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 65536),
        pouring(b"", b"x" * 65536),
    ],
    ids=["headers", "one header", "a status line"],
)
async def test_a_head_without_bounds_is_given_up(
    opened: Opened, trusted: tuple[ssl.SSLContext, Path], speak: Speak
) -> None:
    with Peer(speak, trusted[0]) as peer:
        async with opened(roots=trusted[1], timeout=10.0) as send:
            failure = await failure_of(send, get(peer))
    assert failure.code.name == "unreachable"


@pytest.mark.parametrize(
    "speak",
    [
        silent,
        trickling(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        trickling(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n"),
        trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        trickling(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["silence", "a slow line", "slow headers", "a slow body", "slow chunks"],
)
async def test_a_peer_that_takes_for_ever_is_left_in_time(
    opened: Opened, trusted: tuple[ssl.SSLContext, Path], speak: Speak
) -> None:
    with Peer(speak, trusted[0]) as peer:
        async with opened(roots=trusted[1], timeout=_PATIENCE) as send:
            began = time.monotonic()
            failure = await failure_of(send, get(peer))
            took = time.monotonic() - began
    assert failure.code.name == "timeout"
    assert f"127.0.0.1:{peer.port}" in failure.message
    assert took < 10 * _PATIENCE


async def test_a_handshake_that_takes_for_ever_is_left_in_time(opened: Opened) -> None:
    with Peer(silent) as peer:
        async with opened(timeout=_PATIENCE) as send:
            failure = await failure_of(send, get(peer))
    assert failure.code.name == "timeout"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_time_out_is_one_for_each_of_many_threads(scheme: str) -> None:
    """Whichever of two clocks is the first to notice: the socket's or the exchange's."""
    transport = BlockingHttpTransport(
        HttpSettings(use_system_roots=False, timeout=_PATIENCE, connections=60), FakeClock()
    )

    def fail(url: str) -> str:
        with pytest.raises(NetworkFailure) as caught:
            transport.send(Request("GET", url))
        return caught.value.code.name

    with Peer(silent) as peer, ThreadPoolExecutor(60) as threads:
        codes = set(threads.map(fail, [f"{scheme}://127.0.0.1:{peer.port}/"] * 60))
    assert codes == {"timeout"}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhe\r\n0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"\x00\xff" * 500,
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk", "no chunk", "another protocol", "garbage"],
)
async def test_what_is_no_whole_answer_is_an_error(
    opened: Opened, trusted: tuple[ssl.SSLContext, Path], answer: bytes
) -> None:
    with Peer(answering(answer), trusted[0]) as peer:
        async with opened(roots=trusted[1]) as send:
            failure = await failure_of(send, get(peer))
    assert failure.code.name == "unreachable"
    assert failure.message.isprintable()


async def test_a_body_without_a_length_ends_with_the_connection(
    opened: Opened, trusted: tuple[ssl.SSLContext, Path]
) -> None:
    with Peer(ending(with_goodbye), trusted[0]) as peer, Peer(ending(lambda connection: None)) as plain:
        async with opened(roots=trusted[1]) as send:
            over_tls = await send(get(peer))
            over_none = await send(Request("GET", f"http://127.0.0.1:{plain.port}/"))
    assert over_tls.body == over_none.body == b"hello"


@pytest.mark.parametrize("how", [lambda connection: None, with_reset], ids=["no goodbye", "reset"])
async def test_a_body_without_a_length_that_was_cut_off_is_an_error(
    opened: Opened, trusted: tuple[ssl.SSLContext, Path], how: Callable[[socket.socket], None]
) -> None:
    """RFC 9112 §9.8: whoever can end a connection could shorten what it carries."""
    with Peer(ending(how), trusted[0]) as peer:
        async with opened(roots=trusted[1]) as send:
            failure = await failure_of(send, get(peer))
    assert failure.code.name == "unreachable"


async def test_a_plain_body_without_a_length_that_was_cut_off_is_an_error(opened: Opened) -> None:
    with Peer(ending(with_reset)) as peer:
        async with opened() as send:
            failure = await failure_of(send, Request("GET", f"http://127.0.0.1:{peer.port}/"))
    assert failure.code.name == "unreachable"


async def test_a_certificate_of_an_unknown_issuer_is_refused_and_the_option_named(
    opened: Opened, trusted: tuple[ssl.SSLContext, Path]
) -> None:
    with Peer(answering(_HELLO), trusted[0]) as peer:
        async with opened() as send:
            failure = await failure_of(send, get(peer))
    assert failure.code.name == "tls"
    assert "--ca-roots" in failure.hint


async def test_a_certificate_for_another_name_is_refused(opened: Opened, tmp_path: Path) -> None:
    context = server_context(tmp_path, "other.test")
    with Peer(answering(_HELLO), context) as peer:
        async with opened(roots=tmp_path / "root.pem") as send:
            failure = await failure_of(send, get(peer))
    assert failure.code.name == "tls"


async def test_a_certificate_that_has_ended_is_refused(opened: Opened, tmp_path: Path) -> None:
    context = server_context(tmp_path, "127.0.0.1", at=datetime(2024, 1, 1, tzinfo=UTC))
    with Peer(answering(_HELLO), context) as peer:
        async with opened(roots=tmp_path / "root.pem") as send:
            failure = await failure_of(send, get(peer))
    assert failure.code.name == "tls"
    assert "expired" in failure.message


async def test_tls_before_1_2_is_refused(opened: Opened, tmp_path: Path) -> None:
    context = server_context(tmp_path, "127.0.0.1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with Peer(answering(_HELLO), context) as peer:
        async with opened(roots=tmp_path / "root.pem") as send:
            failure = await failure_of(send, get(peer))
    assert failure.code.name == "tls"


async def test_a_peer_that_speaks_no_tls_is_told_as_that(opened: Opened) -> None:
    with Peer(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")) as peer:
        async with opened() as send:
            failure = await failure_of(send, get(peer))
    assert failure.code.name == "tls"


async def test_a_port_where_nobody_listens_is_unreachable(opened: Opened) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        async with opened() as send:
            failure = await failure_of(send, Request("GET", f"https://127.0.0.1:{port}/"))
    assert failure.code.name == "unreachable"
    assert "refused" in failure.message.lower()


@pytest.mark.parametrize(
    "url", ["https://", "https://a..b/", "ftp://127.0.0.1/", "https://[::1/", "https://127.0.0.1:99999/", "", "\0"]
)
async def test_what_is_no_url_is_an_error_like_any_other(opened: Opened, url: str) -> None:
    async with opened(timeout=_PATIENCE) as send:
        assert (await failure_of(send, Request("GET", url))).code.name in {"unreachable", "timeout"}


async def test_plain_http_is_carried_too(opened: Opened) -> None:
    with Peer(answering(_HELLO)) as peer:
        async with opened() as send:
            assert (await send(Request("GET", f"http://127.0.0.1:{peer.port}/"))).body == b"hello"


async def test_a_forced_family_is_the_only_one_tried(opened: Opened, trusted: tuple[ssl.SSLContext, Path]) -> None:
    with Peer(answering(_HELLO, keep=True), trusted[0]) as peer:
        request = Request("GET", f"https://localhost:{peer.port}/")
        async with opened(roots=trusted[1], family=4) as send:
            assert (await send(request)).body == b"hello"
        async with opened(roots=trusted[1], family=6) as send:
            assert (await failure_of(send, request)).code.name == "unreachable"


async def test_the_environment_changes_nothing(
    opened: Opened, trusted: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.setenv(name, os.devnull)
    with Peer(answering(_HELLO), trusted[0]) as peer:
        async with opened(roots=trusted[1]) as send:
            assert (await send(get(peer))).body == b"hello"


def tunnelling(to: int, seen: list[bytes]) -> Speak:
    """A proxy that leads every CONNECT to one port."""

    def speak(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        with socket.create_connection(("127.0.0.1", to)) as inner:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            forward = threading.Thread(target=_pour, args=(connection, inner))
            forward.start()
            _pour(inner, connection)
            forward.join()

    return speak


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


async def test_a_proxy_leads_to_the_ca_and_is_given_its_credentials(
    opened: Opened, trusted: tuple[ssl.SSLContext, Path]
) -> None:
    seen: list[bytes] = []
    with Peer(answering(_HELLO, keep=True), trusted[0]) as peer, Peer(tunnelling(peer.port, seen)) as proxy:
        async with opened(roots=trusted[1], proxy=f"http://user:p%40ss@127.0.0.1:{proxy.port}") as send:
            for _ in range(3):
                assert (await send(Request("GET", "https://ca.test/dir"))).body == b"hello"
    [connect] = seen
    assert connect.startswith(b"CONNECT ca.test:443 HTTP/1.")
    name, _, credentials = connect.partition(b": Basic ")
    assert name.lower().endswith(b"\r\nproxy-authorization")
    assert credentials.startswith(base64.b64encode(b"user:p@ss") + b"\r\n")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n", b"", b"garbage\r\n\r\n"])
async def test_a_proxy_that_refuses_is_told_without_its_password(opened: Opened, answer: bytes) -> None:
    with Peer(answering(answer)) as proxy:
        async with opened(proxy=f"http://user:passw0rd@127.0.0.1:{proxy.port}") as send:
            failure = await failure_of(send, Request("GET", "https://ca.test/dir"))
    assert failure.code.name == "unreachable"
    assert "ca.test" in failure.message
    assert "passw0rd" not in f"{failure} {failure.hint}"


async def test_a_proxy_that_is_not_there_is_unreachable(opened: Opened) -> None:
    async with opened(proxy="http://127.0.0.1:1") as send:
        failure = await failure_of(send, Request("GET", "https://ca.test/dir"))
    assert failure.code.name == "unreachable"
    assert "proxy" in failure.message


async def test_a_proxy_is_not_asked_for_this_machine(opened: Opened, trusted: tuple[ssl.SSLContext, Path]) -> None:
    with Peer(answering(_HELLO), trusted[0]) as peer:
        async with opened(roots=trusted[1], proxy="http://127.0.0.1:1") as send:
            assert (await send(get(peer))).body == b"hello"


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
async def test_a_file_without_roots_is_told_by_its_name(opened: Opened, tmp_path: Path, content: bytes) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(content)
    with pytest.raises(EvercertError) as raised:
        async with opened(roots=roots) as send:
            await send(Request("GET", "https://127.0.0.1:1/"))
    assert raised.value.code.name == "bad-input"
    assert "roots.pem" in raised.value.message


@pytest.mark.parametrize("proxy", ["socks5://user:passw0rd@127.0.0.1:1", "127.0.0.1:3128", "https://127.0.0.1:1"])
async def test_a_proxy_of_a_kind_that_is_not_spoken_is_a_wrong_setting(opened: Opened, proxy: str) -> None:
    async with opened(proxy=proxy) as send:
        with pytest.raises(EvercertError) as raised:
            await send(Request("GET", "https://ca.test/dir"))
    assert raised.value.code.name == "bad-input"
    assert "passw0rd" not in f"{raised.value} {raised.value.hint}"


async def test_who_waits_for_a_connection_waits_no_longer_than_for_an_answer(
    opened: Opened, trusted: tuple[ssl.SSLContext, Path]
) -> None:
    with Peer(lambda connection: time.sleep(3 * _PATIENCE), trusted[0]) as peer:
        async with opened(roots=trusted[1], timeout=_PATIENCE, connections=1) as send:
            failures = await asyncio.gather(*(failure_of(send, get(peer)) for _ in range(3)))
    codes = [failure.code.name for failure in failures]
    assert "timeout" in codes
    # Who gets the connection in the very moment in which its own time ends sees it cut off.
    assert set(codes) <= {"timeout", "unreachable"}


async def test_a_host_that_would_write_to_the_terminal_is_made_harmless(opened: Opened) -> None:
    url = "https://user:passw0rd@" + "x\x1b[2J" * 50 + "/secret?token"
    async with opened(timeout=_PATIENCE) as send:
        failure = await failure_of(send, Request("GET", url))
    assert failure.message.isprintable()
    assert len(failure.message) < 250
    assert "passw0rd" not in failure.message
    assert "token" not in failure.message
