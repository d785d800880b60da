"""Requests as they should be, and what is answered."""

from __future__ import annotations

import asyncio
import logging

import pytest

from evercert.base.serving import Answer, Asked
from evercert.net.serve import Limits
from tests.fakes.tls_site import visiting
from tests.net.serve.site import request, serving_site

LAST = "Connection: close"


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


async def test_a_request_reaches_the_application_whole() -> None:
    seen: list[Asked] = []

    async def note(asked: Asked) -> Answer:
        seen.append(asked)
        return Answer(201, b"made", (("Location", "/acct/1"), ("Replay-Nonce", "n")))

    async with serving_site(note) as site:
        answer = await site.say(request("POST", "/new%2Dacct?a=b?c", b"{}", LAST, "X-Two: 1", "x-two: 2"))
    assert seen == [
        Asked(
            "POST",
            "/new%2Dacct",
            "a=b?c",
            (
                ("host", "ca.test"),
                ("connection", "close"),
                ("x-two", "1"),
                ("x-two", "2"),
                ("content-length", "2"),
            ),
            b"{}",
            "127.0.0.1",
        )
    ]
    head = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert head[0] == b"HTTP/1.1 201 Created"
    assert {b"Location: /acct/1", b"Replay-Nonce: n", b"Content-Length: 4", b"Connection: close"} <= set(head)
    assert any(line.startswith(b"Date: ") and line.endswith(b" GMT") for line in head)
    assert body(answer) == b"made"
    assert site.seen == [("POST", "/new%2Dacct", 201, 4)]


async def test_it_answers_on_ipv6_too() -> None:
    async with serving_site() as site:
        assert body(await site.say(request("GET", "/", b"", LAST), host="::1")) == b"GET /? "


async def test_head_is_answered_without_a_body() -> None:
    async with serving_site() as site:
        answer = await site.say(request("HEAD", "/a", b"", LAST))
    assert b"Content-Length: 9\r\n" in answer
    assert body(answer) == b""


async def test_no_content_has_no_length() -> None:
    async def nothing(asked: Asked) -> Answer:
        return Answer(204)

    async with serving_site(nothing) as site:
        answer = await site.say(request("GET", "/", b"", LAST))
    assert answer.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert b"Content-Length" not in answer


async def test_http_1_0_is_answered_and_closed_unless_it_asks_to_stay() -> None:
    async with serving_site() as site:
        once = await site.say(b"GET /a HTTP/1.0\r\n\r\n")
        twice = await site.say(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + b"GET /b HTTP/1.0\r\n\r\n")
    assert body(once) == b"GET /a? "
    assert b"Connection: close" in once
    assert b"GET /a? HTTP/1.1 200" in twice
    assert twice.endswith(b"GET /b? ")


async def test_requests_sent_at_once_are_answered_in_their_order() -> None:
    first = asyncio.Event()

    async def slow_first(asked: Asked) -> Answer:
        if asked.path == "/0":
            await first.wait()
        else:
            assert first.is_set()
        return Answer(200, asked.path.encode() + b".")

    many = 500
    asking = b"".join(request("GET", f"/{number}") for number in range(many))
    async with serving_site(slow_first) as site, visiting(site.port) as (reader, writer):
        writer.write(asking + request("GET", "/last", b"", LAST))
        asyncio.get_running_loop().call_later(0.05, first.set)
        answers = await reader.read()
    paths = [one.partition(b"\r\n\r\n")[2].decode() for one in answers.split(b"HTTP/1.1 200 OK")[1:]]
    assert paths == [*(f"/{number}." for number in range(many)), "/last."]


async def test_a_request_in_single_octets_is_answered() -> None:
    async with serving_site() as site:
        asked = request("POST", "/a", b"body", LAST)
        answer = await site.say(*(bytes((octet,)) for octet in asked))
    assert body(answer) == b"POST /a? body"


async def test_a_body_in_chunks_is_put_together_and_its_trailers_are_dropped() -> None:
    async def fields(asked: Asked) -> Answer:
        return Answer(200, asked.body + b" " + ",".join(name for name, _ in asked.headers).encode())

    chunked = b"5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nHost: other\r\nX-Trailer: 1\r\n\r\n"
    async with serving_site(fields) as site:
        answer = await site.say(request("POST", "/", b"", "Transfer-Encoding: chunked", LAST) + chunked)
    assert body(answer) == b"hello world host,transfer-encoding,connection"


async def test_a_peer_that_expects_a_word_before_the_body_gets_it() -> None:
    async with serving_site() as site, visiting(site.port) as (reader, writer):
        writer.write(request("POST", "/", b"", "Content-Length: 4", "Expect: 100-continue", LAST))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"body")
        assert body(await reader.read()) == b"POST /? body"


async def test_a_peer_whose_body_would_be_refused_gets_the_refusal_instead_of_that_word() -> None:
    async with serving_site(limits=Limits(body=3)) as site:
        answer = await site.say(request("POST", "/", b"", "Content-Length: 4", "Expect: 100-continue"))
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_whole_url_is_a_target_as_well() -> None:
    async with serving_site() as site:
        assert body(await site.say(request("GET", "https://ca.test:1/a/b?c", b"", LAST))) == b"GET /a/b?c "


@pytest.mark.parametrize("framed", ["Content-Length: 4", "Transfer-Encoding: chunked"])
async def test_an_offered_upgrade_is_passed_over(framed: str) -> None:
    sent = b"body" if "Length" in framed else b"4\r\nbody\r\n0\r\n\r\n"
    upgrade = request("POST", "/a", b"", "Upgrade: h2c", "HTTP2-Settings: AA", "Connection: Upgrade", framed)
    async with serving_site() as site:
        answer = await site.say(upgrade, sent + request("GET", "/b", b"", LAST))
    assert b"POST /a? bodyHTTP/1.1 200 OK" in answer
    assert body(answer).endswith(b"GET /b? ")


async def test_a_peer_may_end_its_half_and_still_gets_the_answer() -> None:
    async with serving_site() as site, visiting(site.port) as (reader, writer):
        writer.write(request("GET", "/a") + request("GET", "/b"))
        writer.write_eof()
        answers = await reader.read()
    assert b"GET /a? " in answers
    assert answers.endswith(b"GET /b? ")


async def test_a_large_answer_arrives_whole() -> None:
    large = bytes(range(256)) * 40_000

    async def crl(asked: Asked) -> Answer:
        return Answer(200, large)

    async with serving_site(crl) as site:
        answers = await site.say(request("GET", "/a"), request("GET", "/b", b"", LAST))
    assert answers.count(large) == 2


async def test_an_application_that_fails_is_a_bare_500_and_its_reason_stays_here(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(asked: Asked) -> Answer:
        if asked.path == "/late":
            return Answer(200, b"", (("X-Evil", "a\r\nSet-Cookie: b"),))
        raise RuntimeError("what nobody outside should read")

    async with serving_site(broken) as site:
        with caplog.at_level(logging.ERROR):
            answers = await site.say(request("GET", "/a"), request("GET", "/late", b"", LAST))
    assert answers.count(b"HTTP/1.1 500 Internal Server Error\r\n") == 2
    assert b"nobody" not in answers
    assert b"Cookie" not in answers
    assert "what nobody outside should read" in caplog.text
    assert [status for _, _, status, _ in site.seen] == [500, 500]
