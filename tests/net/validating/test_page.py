"""HTTP responses, good and hostile, in whatever pieces they come."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.probe import Door, Limits, Page
from evercert.net.validating.page import NotHttp, PageReader, TooLarge, request_for

LIMITS = Limits(header=1000, body=50)
OK = b"HTTP/1.1 200 OK\r\n"


def read(data: bytes, size: int = 1 << 16) -> Page:
    reader = PageReader(LIMITS)
    for at in range(0, len(data), size):
        if reader.feed(data[at : at + size]):
            return reader.page
    reader.end()
    return reader.page


GOOD = [
    (OK + b"Content-Length: 5\r\n\r\nproof", Page(200, body=b"proof")),
    (OK + b"\r\nproof", Page(200, body=b"proof")),
    (b"HTTP/1.0 200\r\n\r\nproof", Page(200, body=b"proof")),
    (b"HTTP/1.0 200 OK\nContent-Length: 5\n\nproof and more", Page(200, body=b"proof")),
    (OK + b"Content-Length: 0\r\n\r\n", Page(200)),
    (OK + b"content-length:  5 \r\ncontent-length: 5\r\n\r\nproof", Page(200, body=b"proof")),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\npr\r\n3;x=y\r\noof\r\n0\r\n\r\n", Page(200, body=b"proof")),
    (OK + b"Transfer-Encoding: Chunked\r\n\r\n005\r\nproof\r\n0\r\nX: y\r\n\r\n", Page(200, body=b"proof")),
    (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK + b"\r\nproof",
        Page(200, body=b"proof"),
    ),
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 9999999\r\n\r\n<html>", Page(404)),
    (b"HTTP/1.1 301 Moved\r\nLocation: https://x/y?z \r\n\r\n", Page(301, "https://x/y?z")),
    (b"HTTP/1.1 301 Moved\r\nLOCATION: /a\r\nLocation: /b\r\n\r\n", Page(301, "/a")),
    (OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08", Page(200, body=b"\x1f\x8b\x08")),
    (OK + b"\r\n" + b"x" * 51, Page(200, body=b"x" * 50, whole=False)),
    (OK + b"Content-Length: 99999999999\r\n\r\n" + b"x" * 60, Page(200, body=b"x" * 50, whole=False)),
    (OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n" + b"x" * 60, Page(200, body=b"x" * 50, whole=False)),
]

BAD = [
    b"",
    b"HTTP/1.1 200 OK\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    b"HTTP/2 200 OK\r\n\r\n",
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"HTTP/1.1  200 OK\r\n\r\n",
    OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nproof",
    OK + b"Content-Length: +5\r\n\r\nproof",
    OK + b"Content-Length: 5, 5\r\n\r\nproof",
    OK + b"Content-Length: 6\r\n\r\nproof",
    OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nproof\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nproof\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: identity\r\n\r\nproof",
    OK + b"Transfer-Encoding : chunked\r\n\r\n5\r\nproof\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nproof\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nproofs\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nproof\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 300 + b"\r\nproof\r\n0\r\n\r\n",
    OK + b"no field\r\n\r\n",
    OK + b" folded: x\r\n\r\n",
    OK + b"A: \x00\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 9,
]


@pytest.mark.parametrize(("data", "page"), GOOD)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_a_response_is_read_in_whatever_pieces_it_comes(data: bytes, page: Page, size: int) -> None:
    assert read(data, size) == page


@pytest.mark.parametrize("data", BAD)
@pytest.mark.parametrize("size", [1, 1 << 16])
def test_what_can_be_read_in_two_ways_or_in_none_is_refused(data: bytes, size: int) -> None:
    with pytest.raises(NotHttp):
        read(data, size)


@pytest.mark.parametrize("head", [OK + b"A: " + b"x" * 2000, OK + b"A: b\r\n" * 300, b"x" * 3000])
def test_a_header_without_end_is_cut_off(head: bytes) -> None:
    with pytest.raises(TooLarge):
        read(head, 100)


@pytest.mark.parametrize(
    "line", [b"X:" + b" " * 60_000 + b"\x00", b"X:" + b" \t" * 30_000 + b"y", b"x" * 60_000 + b" :"]
)
def test_a_long_header_line_takes_no_time(line: bytes) -> None:
    reader = PageReader(Limits())
    began = time.process_time()
    with suppress(NotHttp):
        reader.feed(OK + line + b"\r\n\r\n")
    assert time.process_time() - began < 0.5


def test_a_body_without_end_takes_no_memory() -> None:
    reader = PageReader(LIMITS)
    reader.feed(OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffff\r\n")
    tracemalloc.start()
    assert reader.feed(bytes(16 * 1024))
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_octets_are_a_page_or_are_refused(data: bytes, size: int) -> None:
    for beginning in (b"", OK, OK + b"\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n"):
        try:
            assert len(read(beginning + data, size).body) <= LIMITS.body
        except (NotHttp, TooLarge):
            continue


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=5), st.integers(1, 40))
def test_chunks_are_put_together(chunks: list[bytes], size: int) -> None:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    assert read(OK + b"Transfer-Encoding: chunked\r\n\r\n" + body, size).body == b"".join(chunks)


def test_a_request_asks_for_little() -> None:
    request = request_for(Door("192.0.2.1", 80, "a.test", "/x?y"), "somebody")
    assert request.startswith(b"GET /x?y HTTP/1.1\r\nHost: a.test\r\nUser-Agent: somebody\r\n")
    assert b"Accept-Encoding: identity\r\nConnection: close\r\n\r\n" in request
