"""Incidents of CAs that let a client choose to whom they connect."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from evercert.acme.problem import ProblemType
from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifier
from tests.ca.incidents.given import PROOF, answering, loopback, names, page
from tests.ca.validation.given import PATH, claim, proved, reach, refused
from tests.fakes.dns_server import DnsServer
from tests.fakes.peer import Peer, read_request
from tests.fakes.validated_network import FakeNetwork

INSIDE = [
    "127.0.0.1",
    "::1",
    "169.254.169.254",
    "::ffff:127.0.0.1",
    "0.0.0.0",
    "fe80::1",
    "fd00:ec2::254",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
    "10.0.0.1",
    "192.168.1.1",
    "224.0.0.1",
    "255.255.255.255",
]


@pytest.mark.parametrize("address", INSIDE)
@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
async def test_cve_2026_5052_no_packet_is_sent_to_the_inside(challenge: str, address: str) -> None:
    network = FakeNetwork(names={"www.example.com": [address]})
    await refused(claim(challenge), reach(network), ProblemType.CONNECTION)
    await refused(claim(challenge, address), reach(network), ProblemType.CONNECTION)
    assert network.dialled == []


async def test_cve_2026_5052_not_even_by_a_redirect() -> None:
    with Peer(answering(PROOF)) as inside:
        moved = page(b"", "302 Found", Location=f"http://inside.example.com:{inside.port}/")
        with Peer(answering(moved)) as outside:
            table = {"www.example.com": ["127.0.0.1"], "inside.example.com": ["10.255.255.1", "169.254.169.254", "::"]}
            async with DnsServer(names(table)) as dns:
                where = loopback(dns.address, http_port=outside.port, tls_port=inside.port)
                await refused(claim("http-01"), where, ProblemType.CONNECTION)
        assert inside.accepted == 0


@pytest.mark.parametrize("name", ["127.0.0.1", "x.127.0.0.1", "1.2.3", "a.0", "example.com.1"])
def test_dogtag_5407_and_acme_136_a_name_that_looks_like_an_address_is_no_dns_name(name: str) -> None:
    try:
        assert parse_identifier(name).type == "ip"
    except EvercertError as error:
        assert error.code.name == "bad-name"  # noqa: PT017 - either is right


async def test_dns_rebinding_only_what_was_checked_is_dialled() -> None:
    """First the name is somewhere else, then it is here: whoever resolves twice, or lets a library, comes here."""
    with Peer(answering(page())) as here:
        first, then = {"www.example.com": ["127.0.0.9"]}, {"www.example.com": ["127.0.0.1"]}
        async with DnsServer(names(first, then)) as dns:
            # Nobody listens at .9, which was resolved and checked; so it must fail there.
            problem = await refused(
                claim("http-01"), loopback(dns.address, http_port=here.port), ProblemType.CONNECTION
            )
            assert "127.0.0.9" in problem.detail
            assert len(dns.questions) == 2
        assert here.accepted == 0


async def test_dns_rebinding_each_hop_is_resolved_and_checked_anew() -> None:
    asked: list[bytes] = []

    def once(connection: Any) -> None:
        asked.append(read_request(connection))
        connection.sendall(page(b"", "302 Found", Location="/elsewhere"))

    with Peer(once) as peer:
        rounds = {"www.example.com": ["127.0.0.1"]}, {"www.example.com": ["169.254.169.254"]}
        async with DnsServer(names(*rounds)) as dns:
            problem = await refused(
                claim("http-01"), loopback(dns.address, http_port=peer.port), ProblemType.CONNECTION
            )
    assert "169.254.169.254" in problem.detail
    assert len(asked) == 1


async def test_boulder_335_the_path_is_exactly_the_challenges() -> None:
    asked: list[bytes] = []

    def speak(connection: Any) -> None:
        asked.append(read_request(connection))
        connection.sendall(page())

    with Peer(speak) as peer:
        await proved(claim("http-01", "127.0.0.1"), loopback("127.0.0.1:9", http_port=peer.port))
    assert asked[0].startswith(f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{peer.port}\r\n".encode())


async def test_ipv6_is_asked_first_and_ipv4_only_where_nobody_listens() -> None:
    async with DnsServer(names({"www.example.com": ["127.0.0.1", "::1"]})) as dns:
        with Peer(answering(page())) as four:
            where = loopback(dns.address, http_port=four.port)
            await proved(claim("http-01"), where)
            with Peer(answering(page(b"wrong")), address="::1", port=four.port):
                problem = await refused(claim("http-01"), where, ProblemType.INCORRECT_RESPONSE)
            assert "::1" in problem.detail
            assert four.accepted == 1


async def test_many_validations_at_once_are_kept_apart() -> None:
    def speak(connection: Any) -> None:
        path = read_request(connection).split()[1]
        connection.sendall(page(path.rpartition(b"/")[2] + b"." + PROOF.partition(b".")[2]))

    with Peer(speak) as peer:
        where = loopback("127.0.0.1:9", http_port=peer.port)
        claims = [replace(claim("http-01", "127.0.0.1"), token=f"token-{number}-of-many") for number in range(50)]
        await asyncio.gather(*(proved(each, where) for each in claims))
