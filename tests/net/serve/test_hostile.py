"""What nobody should send: refused, bounded, and forgotten."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import sys
from contextlib import AsyncExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evercert.base.serving import Answer, Asked
from evercert.net.serve import Limits
from evercert.net.serve.reading import Refusal, RequestReader
from tests.fakes.tls_site import visiting
from tests.net.serve.site import Site, ended, request, serving_site

LAST = "Connection: close"
SMUGGLED = request("GET", "/smuggled", b"", LAST)


def post(*fields: str) -> bytes:
    return request("POST", "/", b"", *fields)


AMBIGUOUS = {
    "a length and chunks": post("Content-Length: 4", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunks and a length": post("Transfer-Encoding: chunked", "Content-Length: 4") + b"0\r\n\r\n",
    "two lengths": post("Content-Length: 0", "Content-Length: 60"),
    "the same length twice": post("Content-Length: 2", "Content-Length: 2") + b"ab",
    "a list of lengths": post("Content-Length: 0, 60"),
    "a length with a sign": post("Content-Length: +0"),
    "a negative length": post("Content-Length: -1"),
    "a hexadecimal length": post("Content-Length: 0x0"),
    "a length that is none": post("Content-Length: "),
    "a length that overflows": post("Content-Length: 18446744073709551616"),
    "a space before the colon": post("Content-Length : 60"),
    "a space before the name": post(" Content-Length: 60"),
    "a field over two lines": post("X: a\r\n Content-Length: 60"),
    "a field over two lines, with a tab": post("Content-Length:\r\n\t60"),
    "a coding before chunked": post("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "a coding that is not chunked": post("Transfer-Encoding: identity"),
    "a coding that is nearly chunked": post("Transfer-Encoding: xchunked"),
    "a coding in disguise": post("Transfer-Encoding: \x0bchunked"),
    "two codings": post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "lines without a carriage return": b"POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n",
    "one line without a carriage return": b"POST / HTTP/1.1\r\nHost: a\nContent-Length: 60\r\n\r\n",
    "a carriage return alone": post("X: a\rContent-Length: 60"),
    "a null octet": post("X: a\0b"),
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": request("GET", "/", b"", "Host: other.test"),
}
BAD_CHUNKS = {
    "a size with a sign": b"+0\r\n\r\n",
    "a size in C": b"0x0\r\n\r\n",
    "a size with a space": b"0 \r\n\r\n",
    "no size": b"\r\n\r\n",
    "a size that overflows": b"10000000000000000\r\n\r\n",
    "a size that ends in a line feed": b"0\n\r\n",
    "data longer than its size": b"1\r\nab\r\n0\r\n\r\n",
    "data that ends in a line feed": b"1\r\na\n0\r\n\r\n",
    "an extension with a line feed": b"0;a\nb\r\n\r\n",
}
NO_REQUESTS = {
    "nothing but noise": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "no target": b"GET  HTTP/1.1\r\nHost: a\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a fragment": request("GET", "/a#b"),
    "a target that is no path": request("GET", "a"),
    "a star that is not for OPTIONS": request("GET", "*"),
    "an octet beyond ASCII": b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "a method of nobody": request("EXPLODE"),
    "a field without a colon": b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
    "a field without a name": b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("what", [*AMBIGUOUS, *NO_REQUESTS])
async def test_what_two_readers_might_read_differently_is_not_read(what: str) -> None:
    async with serving_site() as site:
        answer = await site.say((AMBIGUOUS | NO_REQUESTS)[what] + SMUGGLED)
    assert answer[9:12] in {b"400", b"501", b"505"}
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close\r\n" in answer
    assert [status for _, _, status, _ in site.seen] == [int(answer[9:12])]


@pytest.mark.parametrize("what", BAD_CHUNKS)
async def test_a_bad_chunk_ends_it(what: str) -> None:
    async with serving_site() as site:
        answer = await site.say(post("Transfer-Encoding: chunked") + BAD_CHUNKS[what] + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("version", "status"), [("0.9", b"505"), ("1.2", b"400"), ("2.0", b"505"), ("3.0", b"400"), ("11.1", b"400")]
)
async def test_other_versions_are_refused(version: str, status: bytes) -> None:
    async with serving_site() as site:
        answer = await site.say(f"GET / HTTP/{version}\r\nHost: a\r\n\r\n".encode())
    assert answer[9:12] == status


async def test_what_comes_after_the_last_request_is_nobodys() -> None:
    async with serving_site() as site:
        answer = await site.say(request("GET", "/a", b"", LAST) + b"\0" * 100_000 + SMUGGLED)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b"GET /a? ")


async def test_nobody_is_connected_elsewhere() -> None:
    async with serving_site() as site:
        answer = await site.say(b"CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n" + SMUGGLED)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer[9:12] in {b"400", b"405"}


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        request("GET", "/", b"", "X: " + "x" * 20_000),
        request("GET", "/", b"", "x" * 20_000 + ": y"),
        request("GET", "/", b"", *(f"X-{number}: {'y' * 1000}" for number in range(20))),
        request("GET", "/", b"", *(f"X-{number}: y" for number in range(101))),
        request("GET", "/", b"", "X: " + "x" * 20_000)[:-4],
        post("Transfer-Encoding: chunked") + b"0\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
    ids=["target", "value", "name", "values", "fields", "unfinished", "trailers"],
)
@pytest.mark.parametrize("piece", [100_000, 1_000])
async def test_a_head_that_is_too_large_is_refused(head: bytes, piece: int) -> None:
    async with serving_site() as site:
        answer = await site.say(*(head[start : start + piece] for start in range(0, len(head), piece)))
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_a_head_of_a_hundred_fields_and_15_kib_is_not_too_large() -> None:
    fields = [f"X-{number}: {'y' * 140}" for number in range(98)]
    async with serving_site() as site:
        asked = request("GET", "/", b"", LAST, *fields)
        answer = await site.say(*(asked[start : start + 100] for start in range(0, len(asked), 100)))
    assert answer.startswith(b"HTTP/1.1 200 ")


def sized(octets: int, *, chunked: bool) -> bytes:
    if not chunked:
        return request("POST", "/", b"a" * octets, LAST)
    chunks = b"".join(b"2\r\naa\r\n" for _ in range(octets // 2))
    return post("Transfer-Encoding: chunked", LAST) + chunks + b"0\r\n\r\n"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused_and_one_octet_less_is_not(chunked: bool) -> None:
    async with serving_site(limits=Limits(body=100_000)) as site:
        assert (await site.say(sized(100_002, chunked=chunked))).startswith(b"HTTP/1.1 413 ")
        assert (await site.say(sized(100_000, chunked=chunked))).startswith(b"HTTP/1.1 200 ")


async def test_a_path_may_have_a_limit_of_its_own() -> None:
    limits = Limits(body_at=lambda path: 10 if path == "/small" else 1000)
    async with serving_site(limits=limits) as site:
        assert (await site.say(request("POST", "/small?a", b"a" * 11))).startswith(b"HTTP/1.1 413 ")
        assert (await site.say(request("POST", "/large", b"a" * 11, LAST))).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("begun", "answered"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),
        (b"GET / HTTP/1.1\r\nX: ", b"HTTP/1.1 408 "),
        (request("POST", "/", b"", "Content-Length: 4") + b"bod", b"HTTP/1.1 408 "),
        (post("Transfer-Encoding: chunked") + b"4\r\nbody\r\n", b"HTTP/1.1 408 "),
    ],
    ids=["nothing", "empty lines", "head", "body", "chunks"],
)
async def test_whoever_does_not_come_to_an_end_is_not_waited_for(begun: bytes, answered: bytes) -> None:
    async with serving_site(limits=Limits(head_seconds=0.1, body_seconds=0.1)) as site:
        answer = await site.say(begun)
    assert answer.startswith(answered)
    assert bool(answer) == bool(answered)


async def test_an_octet_now_and_then_gains_no_time() -> None:
    async with serving_site(limits=Limits(head_seconds=0.3)) as site, visiting(site.port) as (reader, writer):
        answer = asyncio.ensure_future(reader.read())
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        for _ in range(200):
            if answer.done():
                break
            writer.write(b"x")
            await asyncio.sleep(0.02)
        assert (await answer).startswith(b"HTTP/1.1 408 ")


async def test_whoever_asks_nothing_more_is_let_go() -> None:
    async with serving_site(limits=Limits(idle_seconds=0.1)) as site, visiting(site.port) as (reader, writer):
        writer.write(request())
        assert (await reader.read()).endswith(b"GET /? ")


async def test_whoever_takes_nothing_of_an_answer_is_let_go() -> None:
    async def large(asked: Asked) -> Answer:
        return Answer(200, bytes(50_000_000))

    limits = Limits(send_seconds=0.2, goodbye_seconds=0.2)
    async with serving_site(large, limits=limits) as site, visiting(site.port, limit=1024) as (_, writer):
        writer.write(request())
        async with asyncio.timeout(10):
            while not site.seen or site.server.connections:
                await asyncio.sleep(0.01)


async def test_whoever_only_asks_and_never_listens_is_not_answered_for_ever() -> None:
    answers = 0

    async def count(asked: Asked) -> Answer:
        nonlocal answers
        answers += 1
        return Answer(200, bytes(10_000))

    limits = Limits(send_seconds=0.3)
    async with serving_site(count, limits=limits) as site:
        with socket.create_connection(("127.0.0.1", site.port)) as greedy:
            greedy.setblocking(False)
            async with asyncio.timeout(20):
                try:
                    while True:
                        await asyncio.get_running_loop().sock_sendall(greedy, request() * 1000)
                except OSError:
                    pass
    assert 0 < answers < 2_000


async def test_of_too_many_the_one_that_has_been_idle_longest_makes_room_and_nobody_who_is_being_answered() -> None:
    go_on = asyncio.Event()

    async def slow(asked: Asked) -> Answer:
        if asked.path == "/slow":
            await go_on.wait()
        return Answer(200)

    async with serving_site(slow, limits=Limits(connections=3)) as site, AsyncExitStack() as visits:
        asking, first, second = [await visits.enter_async_context(visiting(site.port)) for _ in range(3)]
        asking[1].write(request("GET", "/slow", b"", LAST))
        for reader, writer in (second, first):
            writer.write(request())
            await reader.readuntil(b"\r\n\r\n")
        assert (await site.say(request("GET", "/", b"", LAST))).startswith(b"HTTP/1.1 200 ")
        assert await second[0].read() == b""
        first[1].write(request("GET", "/", b"", LAST))
        assert (await first[0].read()).startswith(b"HTTP/1.1 200 ")
        go_on.set()
        assert (await asking[0].read()).startswith(b"HTTP/1.1 200 ")


async def test_where_everybody_is_being_answered_nobody_else_is_let_in() -> None:
    go_on, begun = asyncio.Event(), asyncio.Event()

    async def slow(asked: Asked) -> Answer:
        begun.set()
        await go_on.wait()
        return Answer(200)

    async with serving_site(slow, limits=Limits(connections=1)) as site, visiting(site.port) as (reader, writer):
        writer.write(request("GET", "/", b"", LAST))
        await begun.wait()
        async with visiting(site.port) as (late, _):
            assert await ended(late)
        go_on.set()
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([*AMBIGUOUS.values(), *BAD_CHUNKS.values(), *NO_REQUESTS.values(), request(), b"\r\n\r\n"]),
        ),
        max_size=6,
    ),
    st.integers(1, 64),
)
def test_a_reader_refuses_or_reads_and_it_never_matters_how_it_was_cut(pieces: list[bytes], size: int) -> None:
    octets = b"".join(pieces)
    assert _read(octets, len(octets) or 1) == _read(octets, size)


def _read(octets: bytes, size: int) -> tuple[list[Asked], int]:
    reader = RequestReader(Limits(), "192.0.2.1", b"")
    status = 0
    try:
        for start in range(0, len(octets), size):
            if not reader.is_over:
                reader.feed(octets[start : start + size])
    except Refusal as refusal:
        status = refusal.status
    return [asked for asked, _ in reader.whole], status


def mutated(chance: random.Random) -> bytes:
    octets = bytearray(chance.choice([*AMBIGUOUS.values(), *NO_REQUESTS.values(), request("POST", "/a", b"body")]))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(octets))
        octets[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(4))
    return bytes(octets)


async def test_ten_thousand_bad_requests_leave_nothing_behind() -> None:
    chance = random.Random(8555)
    async with serving_site(limits=Limits(head_seconds=2, body_seconds=2, goodbye_seconds=1)) as site:
        await _batch(site, chance, 1_000)
        before = _blocks()
        for _ in range(9):
            await _batch(site, chance, 1_000)
        grown = _blocks() - before
        assert (await site.say(request("GET", "/still", b"", LAST))).endswith(b"GET /still? ")
    assert grown < 1_000
    assert {status for _, _, status, _ in site.seen} <= {200, 400, 405, 408, 413, 431, 501, 505}


async def _batch(site: Site, chance: random.Random, number: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(number):
        with socket.socket() as peer:
            peer.setblocking(False)
            await loop.sock_connect(peer, ("127.0.0.1", site.port))
            await loop.sock_sendall(peer, mutated(chance))
            peer.shutdown(socket.SHUT_WR)
            while await loop.sock_recv(peer, 4096):
                pass
    while site.server.connections:
        await asyncio.sleep(0)
    del site.seen[:-1]


def _blocks() -> int:
    """How many pieces of memory Python holds."""
    gc.collect()
    return sys.getallocatedblocks()
