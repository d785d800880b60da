"""Answers of web servers, octet by octet: read in one way only, or refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.message import Request
from evercert.net.answer import Answer, Malformed, TooLarge
from evercert.net.asking import Place, octets_of, place_of

_WHOLE = {
    "a length": b"HTTP/1.1 200 OK\r\nLink: <a>\r\nContent-Length: 5\r\nLINK: <b>\r\n\r\nhello",
    "chunks": b"HTTP/1.1 200 OK\r\nLink: <a>\r\nlink:<b>  \r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x=y\r\nhel\r\n02\r\nlo\r\n0\r\nTrailer: t\r\n\r\n",
    "a hint first": b"HTTP/1.1 103 Early\r\nLink: <c>\r\n\r\nHTTP/1.1 200 \r\nLink: <a>\r\nLink: <b>\r\n"
    b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
}


def read(data: bytes, method: str = "GET", most: int = 100) -> Answer:
    answer = Answer(method, most)
    answer.feed(data)
    return answer


@pytest.mark.parametrize("data", _WHOLE.values(), ids=_WHOLE)
@given(cuts=st.lists(st.integers(0, 200), max_size=8))
def test_however_an_answer_is_cut_it_is_the_same(data: bytes, cuts: list[int]) -> None:
    answer = Answer("GET", 100)
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    for start, end in pairwise(places):
        assert not answer.is_whole
        answer.feed(data[start:end])
    assert (answer.status, answer.body, answer.is_whole, answer.may_follow) == (200, b"hello", True, True)
    assert [value for name, value in answer.headers if name == "link"] == ["<a>", "<b>"]


@given(st.binary(max_size=300), st.sampled_from(["GET", "HEAD", "POST", "CONNECT"]))
def test_any_octets_are_an_answer_or_refused(data: bytes, method: str) -> None:
    for begin in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        answer = Answer(method, 100)
        try:
            answer.feed(begin + data)
        except (Malformed, TooLarge):
            continue
        assert len(answer.body) <= 100


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"T: t\r\n" * 101,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 2000,
    ],
)
def test_what_could_be_read_in_two_ways_or_has_no_bound_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        read(data)


@pytest.mark.parametrize(
    ("data", "method"),
    [
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "GET"),
        (b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close\r\nContent-Length: 0\r\n\r\n", "GET"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n", "GET"),
        (b"HTTP/1.1 200 OK\r\n\r\nbody", "HEAD"),
    ],
    ids=["an old server", "a farewell", "more than was asked for", "a body after HEAD"],
)
def test_nothing_more_is_asked_over_a_connection_of_which_that_was_heard(data: bytes, method: str) -> None:
    answer = read(data, method)
    assert answer.is_whole
    assert not answer.may_follow


def test_a_body_without_a_length_ends_with_its_connection() -> None:
    answer = read(b"HTTP/1.1 200 OK\r\n\r\nhel")
    answer.feed(b"lo")
    answer.end()
    assert (answer.body, answer.may_follow) == (b"hello", False)


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_after_connect_the_tunnel_begins_whatever_length_is_told(version: bytes) -> None:
    answer = read(b"HTTP/" + version + b" 200 OK\r\nContent-Length: 5\r\n\r\n", "CONNECT")
    assert answer.is_whole
    assert answer.may_follow


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\0"])
def test_a_header_cannot_hold_another(value: str) -> None:
    with pytest.raises(ValueError, match="header"):
        octets_of(Request("GET", "https://a.test/", {"X": value}), Place("https", "a.test", 443), {})


def test_a_target_is_written_as_it_was_given_and_encoded_where_it_must_be() -> None:
    def line(url: str) -> bytes:
        return octets_of(Request("GET", url), place_of(url), {}).partition(b"\r\n")[0]

    assert line("https://a.test") == b"GET / HTTP/1.1"
    assert line("https://a.test/x%2Fy?q=%20&r=[1]") == b"GET /x%2Fy?q=%20&r=[1] HTTP/1.1"
    assert line("https://a.test/a b\u00e9") == b"GET /a%20b%C3%A9 HTTP/1.1"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://a.test/", b"a.test"),
        ("https://a.test:8443/", b"a.test:8443"),
        ("http://[::1]:80/", b"[::1]"),
        ("https://b\u00fccher.test/", b"xn--bcher-kva.test"),
    ],
)
def test_the_server_is_named_as_urls_name_it(url: str, host: bytes) -> None:
    assert b"\r\nHost: " + host + b"\r\n" in octets_of(Request("GET", url), place_of(url), {})


@pytest.mark.parametrize("written", ["host", "Host", "HOST"])
def test_who_names_the_server_is_not_contradicted(written: str) -> None:
    octets = octets_of(Request("GET", "http://192.0.2.1/", {written: "a.test"}), place_of("http://192.0.2.1/"), {})
    assert [line for line in octets.split(b"\r\n") if line[:5].lower() == b"host:"] == [f"{written}: a.test".encode()]


def test_a_name_and_password_in_a_url_go_into_a_header() -> None:
    octets = octets_of(Request("GET", "https://u:p%40@a.test/"), place_of("https://u:p%40@a.test/"), {})
    assert b"\r\nAuthorization: Basic dTpwQA==\r\n" in octets
    assert b"p%40" not in octets
