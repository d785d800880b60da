"""Incidents of validators that believed, waited for, or repeated what a server sent."""

from __future__ import annotations

import gzip
import resource
import socket
import time
import tracemalloc
from pathlib import Path
from typing import Any

import dns.edns
import dns.message
import dns.rcode
import dns.rrset
import pytest

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.base.probe import Page
from evercert.ca.validation.network import Asked
from evercert.ca.validation.validate import validate
from tests.ca.given import a_ca
from tests.ca.incidents.given import answering, loopback, names, page
from tests.ca.validation.given import NOW, claim, proved, refused
from tests.fakes.dns_server import DnsServer
from tests.fakes.peer import Peer, Speak, read_request
from tests.fakes.tls_site import server_context

CANARY = "canary-5407"


async def refusal(speak: Speak, **limits: Any) -> Problem:
    with Peer(speak) as peer, pytest.raises(Problem) as raised:
        await validate(claim("http-01", "127.0.0.1"), loopback("127.0.0.1:9", http_port=peer.port, **limits), now=NOW)
    return raised.value


@pytest.mark.parametrize(
    "answer",
    [
        page(CANARY.encode()),
        page(CANARY.encode(), f"404 {CANARY}"),
        page(b"", f"500 {CANARY}", Server=CANARY),
        page(b"", "302 Found", Location=f"http://{CANARY}.example.com/{CANARY}"),
        page(b"", "302 Found", Location=f"{CANARY}://x"),
        page(b"", "302 Found", Location=f"http://{CANARY}@x/"),
        page(b"", "302 Found", Location=f"http://x:{CANARY}/"),
        f"{CANARY}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\n{CANARY}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {CANARY}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nContent-Length: {CANARY}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{CANARY}\r\n".encode(),
    ],
)
async def test_dogtag_5407_no_word_of_the_server_is_repeated(answer: bytes) -> None:
    asked: list[Asked] = []
    with Peer(answering(answer)) as peer:
        async with DnsServer(names({})) as server:
            where = loopback(server.address, http_port=peer.port)
            with pytest.raises(Problem) as raised:
                await validate(claim("http-01", "127.0.0.1"), where, now=NOW, asked=asked)
    assert CANARY not in str(raised.value) + raised.value.detail + raised.value.hint + repr(raised.value.args)
    assert asked


async def test_dogtag_5407_no_word_of_dns_is_repeated() -> None:
    def answer(wire: bytes, over_tcp: bool) -> list[bytes]:
        reply = dns.message.make_response(dns.message.from_wire(wire))
        if reply.question[0].rdtype.name == "TXT":
            reply.answer.append(dns.rrset.from_text(reply.question[0].name, 60, "IN", "TXT", f'"{CANARY}"'))
            return [reply.to_wire()]
        reply.set_rcode(dns.rcode.SERVFAIL)
        reply.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.OTHER, CANARY)])
        return [reply.to_wire()]

    async with DnsServer(answer) as server:
        for challenge, kind in (("dns-01", ProblemType.INCORRECT_RESPONSE), ("http-01", ProblemType.DNS)):
            problem = await refused(claim(challenge), loopback(server.address), kind)
            assert CANARY not in problem.detail


async def test_a2c_zip_bomb_what_would_unpack_to_much_is_cut_and_not_unpacked() -> None:
    bomb = gzip.compress(bytes(20_000_000))
    asked: list[bytes] = []

    def speak(connection: socket.socket) -> None:
        asked.append(read_request(connection))
        connection.sendall(page(bomb, Content_Encoding="gzip"))

    tracemalloc.start()
    problem = await refusal(speak)
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()
    assert problem.type is ProblemType.INCORRECT_RESPONSE
    assert b"\r\nAccept-Encoding: identity\r\n" in asked[0]


def _drip(connection: socket.socket) -> None:
    read_request(connection)
    for octet in b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10_000:
        connection.sendall(bytes((octet,)))
        time.sleep(0.01)


def _endless(beginning: bytes, more: bytes) -> Speak:
    def speak(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(beginning)
        while True:
            connection.sendall(more)

    return speak


@pytest.mark.parametrize(
    "speak",
    [
        _drip,
        _endless(b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 9000 + b"\r\n"),
        _endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 9000),
        _endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2540be400\r\n", bytes(1 << 16)),
        _endless(b"HTTP/1.1 200 OK\r\n\r\n", bytes(1 << 16)),
        _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        lambda connection: time.sleep(1),
        lambda connection: None,
    ],
)
async def test_slow_and_endless_answers_end_in_time_and_take_no_memory(speak: Speak) -> None:
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    problem = await refusal(speak, total=0.5)
    assert time.monotonic() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    assert problem.type in {ProblemType.CONNECTION, ProblemType.INCORRECT_RESPONSE}
    assert "127.0.0.1" in problem.detail


async def test_redirects_real_servers_lead_to_https_whatever_its_certificate(tmp_path: Path) -> None:
    async with DnsServer(names({"www.example.com": ["127.0.0.1"], "other.example.com": ["127.0.0.1"]})) as server:
        with Peer(answering(page()), server_context(tmp_path, "wrong.example.net")) as tls:
            moved = page(b"", "301 Moved", Location=f"https://other.example.com:{tls.port}/a")
            with Peer(answering(moved)) as plain:
                where = loopback(server.address, http_port=plain.port, tls_port=tls.port)
                seen = await proved(claim("http-01"), where)
    assert [(each.kind, each.about) for each in seen.asked] == [
        ("A", "www.example.com"),
        ("http", f"http://www.example.com:{plain.port}/.well-known/acme-challenge/{claim('http-01').token}"),
        ("A", "other.example.com"),
        ("https", f"https://other.example.com:{tls.port}/a"),
    ]


async def test_redirects_a_circle_and_a_long_way_are_ended() -> None:
    steps: list[Any] = []

    def onward(connection: socket.socket) -> None:
        steps.append(read_request(connection))
        connection.sendall(page(b"", "302 Found", Location=f"/{len(steps)}"))

    def back(connection: socket.socket) -> None:
        steps.append(read_request(connection))
        connection.sendall(page(b"", "302 Found", Location="/again"))

    assert "more than 10" in (await refusal(onward)).detail
    assert len(steps) == 11
    steps.clear()
    assert "circle" in (await refusal(back)).detail
    assert len(steps) == 2


async def test_dogtag_5407_no_answer_of_the_ca_has_a_word_of_the_server(tmp_path: Path) -> None:
    """Through the whole CA: challenge, authorization and order, as their owner gets to see them."""
    async with a_ca(tmp_path / "ca") as world:
        client = await world.registered()
        order = await client.new_order(parse_identifiers(["www.example.test"]))
        (authorization,) = await client.authorizations(order)
        world.network.names["www.example.test"] = ["127.0.0.1"]
        world.network.pages["127.0.0.1:80 http://www.example.test/"] = Page(200, CANARY, CANARY.encode())
        await client.answer(next(each for each in authorization.challenges if each.type == "http-01"))
        with pytest.raises(EvercertError) as raised:
            await client.await_authorization(authorization.url, 30)
        await client.authorizations(order)
        answers = [response for _, response in world.transport.seen]
    assert "incorrectResponse" in str(raised.value)
    assert not any(CANARY.encode() in answer.body or CANARY in str(answer.headers) for answer in answers)
