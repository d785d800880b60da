"""The resolver against servers that are slow, broken, or mean it."""

from __future__ import annotations

import time

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.net.dns import DnsResolver, send_message
from evercert.net.nameserver import NameServer
from tests.fakes.dns_server import DnsServer

_NAME = "www.example.test"
_SOA = "ns.example.test. host.example.test. 1 2 3 4 5"


def reply_to(
    wire: bytes, *answers: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR, flags: int = 0
) -> dns.message.Message:
    """The answer to a question; each of *answers* is `name type value`."""
    reply = dns.message.make_response(dns.message.from_wire(wire))
    reply.set_rcode(rcode)
    reply.flags |= flags
    for answer in answers:
        name, kind, value = answer.split(" ", 2)
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, value))
    return reply


def an_address(wire: bytes, over_tcp: bool = False) -> list[bytes]:
    question = dns.message.from_wire(wire).question[0]
    address = {"A": "192.0.2.1", "AAAA": "2001:db8::1"}[question.rdtype.name]
    return [reply_to(wire, f"{question.name} {question.rdtype.name} {address}").to_wire()]


async def failure(resolver: DnsResolver) -> EvercertError:
    with pytest.raises(EvercertError) as raised:
        await resolver.txt(_NAME)
    assert raised.value.code.name == "dns"
    return raised.value


async def test_a_server_that_is_silent_is_named_when_its_time_is_over() -> None:
    async with DnsServer(lambda wire, over_tcp: []) as server:
        began = time.monotonic()
        error = await failure(DnsResolver([server.address], timeout=0.2))
        assert time.monotonic() - began < 2
    assert f"{server.address} did not answer within" in error.message
    assert _NAME in error.message


async def test_a_lost_datagram_is_sent_again() -> None:
    async with DnsServer(lambda wire, over_tcp: an_address(wire) if len(server.questions) > 1 else []) as server:
        assert await DnsResolver([server.address], timeout=0.4).query(_NAME, "A") == ["192.0.2.1"]
        assert len(server.questions) == 2


async def test_a_port_where_nobody_listens_is_told_at_once() -> None:
    async with DnsServer(an_address) as server:
        pass
    began = time.monotonic()
    error = await failure(DnsResolver([server.address], timeout=20))
    assert time.monotonic() - began < 5
    assert "cannot be reached: Connection refused" in error.message


async def test_what_does_not_answer_the_question_is_passed_over() -> None:
    def answers(wire: bytes, over_tcp: bool) -> list[bytes]:
        other_id = bytes((wire[0] ^ 1,)) + an_address(wire)[0][1:]
        other_question = dns.message.make_query("other.test", "A", id=int.from_bytes(wire[:2]))
        forged = reply_to(other_question.to_wire(), "other.test. A 203.0.113.1").to_wire()
        return [b"", b"\xff" * 40, wire, other_id, forged, *an_address(wire)]

    async with DnsServer(answers) as server:
        assert await DnsResolver([server.address]).query(_NAME, "A") == ["192.0.2.1"]


async def test_a_flood_of_wrong_answers_ends_the_wait() -> None:
    async with DnsServer(lambda wire, over_tcp: [b"\x00" * 30] * 200) as server:
        began = time.monotonic()
        error = await failure(DnsResolver([server.address], timeout=20))
        assert time.monotonic() - began < 5
    assert "no DNS message" in error.message


async def test_aliases_of_octets_that_point_in_a_circle_are_refused() -> None:
    def circle(wire: bytes, over_tcp: bool) -> list[bytes]:
        header = wire[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
        return [header + wire[12 : wire.index(b"\x00", 12) + 5] + b"\xc0\x0c" * 20 + b"\xc0\xff"]

    async with DnsServer(circle) as server:
        await failure(DnsResolver([server.address], timeout=0.2))


async def test_the_next_server_is_asked_where_one_fails() -> None:
    def broken(wire: bytes, over_tcp: bool) -> list[bytes]:
        return [reply_to(wire, rcode=dns.rcode.SERVFAIL).to_wire()]

    async with DnsServer(broken) as first, DnsServer(an_address) as second:
        resolver = DnsResolver([first.address, second.address])
        assert await resolver.addresses(_NAME) == ["192.0.2.1", "2001:db8::1"]


async def test_a_failure_tells_the_servers_reason() -> None:
    def refuse(wire: bytes, over_tcp: bool) -> list[bytes]:
        reply = reply_to(wire, rcode=dns.rcode.SERVFAIL)
        reply.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS, "no\x1b[31m\nkey")])
        return [reply.to_wire()]

    async with DnsServer(refuse) as server:
        error = await failure(DnsResolver([server.address]))
    assert f"{server.address} answered SERVFAIL" in error.message
    assert "DNSSEC_BOGUS" in error.message.replace(" ", "_").upper()
    assert "\x1b" not in error.message
    assert "\n" not in error.message


async def test_a_server_that_knows_no_edns_is_asked_without() -> None:
    def old(wire: bytes, over_tcp: bool) -> list[bytes]:
        if dns.message.from_wire(wire).edns >= 0:
            return [reply_to(wire, rcode=dns.rcode.FORMERR).to_wire()]
        return an_address(wire)

    async with DnsServer(old) as server:
        assert await DnsResolver([server.address]).query(_NAME, "A") == ["192.0.2.1"]


async def test_a_cut_answer_is_asked_for_again_over_tcp() -> None:
    def cut(wire: bytes, over_tcp: bool) -> list[bytes]:
        return an_address(wire) if over_tcp else [reply_to(wire, flags=dns.flags.TC).to_wire()]

    async with DnsServer(cut) as server:
        assert await DnsResolver([server.address]).query(_NAME, "A") == ["192.0.2.1"]
        assert [over_tcp for _, over_tcp in server.questions] == [False, True]


async def test_an_answer_over_tcp_that_ends_early_is_an_error() -> None:
    def cut(wire: bytes, over_tcp: bool) -> list[bytes]:
        return [] if over_tcp else [reply_to(wire, flags=dns.flags.TC).to_wire()]

    async with DnsServer(cut) as server:
        assert "no DNS message" in (await failure(DnsResolver([server.address]))).message


async def test_an_answer_that_costs_much_to_read_is_not_read() -> None:
    # 4,600 records that name the longest name there is, in 64 kB.
    name = b"\x01a" * 126 + b"\x00"
    records = (b"\xc0\x0c" + b"\x00\x02\x00\x01" + bytes(4) + b"\x00\x02\xc0\x0c") * 4600

    def costly(wire: bytes, over_tcp: bool) -> list[bytes]:
        if not over_tcp:
            return [reply_to(wire, flags=dns.flags.TC).to_wire()]
        return [wire[:2] + b"\x81\x80\x00\x01" + (4600).to_bytes(2) + bytes(4) + name + b"\x00\x02\x00\x01" + records]

    async with DnsServer(costly) as server:
        began = time.process_time()
        await failure(DnsResolver([server.address], timeout=4))
        assert time.process_time() - began < 1


async def test_an_alias_that_the_server_left_to_us_is_followed() -> None:
    def step(wire: bytes, over_tcp: bool) -> list[bytes]:
        name = dns.message.from_wire(wire).question[0].name.to_text()
        number = int(name[1])
        if number == 5:
            return an_address(wire)
        return [reply_to(wire, f"{name} CNAME a{number + 1}.test.").to_wire()]

    async with DnsServer(step) as server:
        assert await DnsResolver([server.address]).query("a0.test", "A") == ["192.0.2.1"]


async def test_aliases_without_end_are_an_error() -> None:
    def step(wire: bytes, over_tcp: bool) -> list[bytes]:
        name = dns.message.from_wire(wire).question[0].name.to_text()
        return [reply_to(wire, f"{name} CNAME a{name}").to_wire()]

    async with DnsServer(step) as server:
        assert "in a row" in (await failure(DnsResolver([server.address]))).message
        assert len(server.questions) < 20


@pytest.mark.parametrize("rcode", [dns.rcode.NXDOMAIN, dns.rcode.NOERROR])
async def test_a_zone_is_found_although_there_is_no_soa_beside_none(rcode: dns.rcode.Rcode) -> None:
    def terse(wire: bytes, over_tcp: bool) -> list[bytes]:
        if dns.message.from_wire(wire).question[0].name.to_text() == "example.test.":
            return [reply_to(wire, f"example.test. SOA {_SOA}").to_wire()]
        return [reply_to(wire, rcode=rcode).to_wire()]

    async with DnsServer(terse) as server:
        assert await DnsResolver([server.address]).zone("a.b.example.test") == "example.test"


async def test_a_soa_of_an_unrelated_zone_is_not_believed() -> None:
    def misled(wire: bytes, over_tcp: bool) -> list[bytes]:
        if dns.message.from_wire(wire).question[0].name.to_text() == "example.test.":
            return [reply_to(wire, f"example.test. SOA {_SOA}").to_wire()]
        reply = reply_to(wire, rcode=dns.rcode.NXDOMAIN)
        reply.authority.append(dns.rrset.from_text("victim.test.", 60, "IN", "SOA", _SOA))
        return [reply.to_wire()]

    async with DnsServer(misled) as server:
        assert await DnsResolver([server.address]).zone("a.example.test") == "example.test"


async def test_a_validated_answer_is_secure() -> None:
    async with DnsServer(lambda wire, over_tcp: [reply_to(wire, flags=dns.flags.AD).to_wire()]) as server:
        assert await DnsResolver([server.address]).secure(_NAME) is True
        question, _ = server.questions[0]
        assert question.flags & dns.flags.AD
        assert question.ednsflags & dns.flags.DO


async def test_an_answer_that_appears_without_the_checks_is_bogus() -> None:
    def validating(wire: bytes, over_tcp: bool) -> list[bytes]:
        unchecked = dns.message.from_wire(wire).flags & dns.flags.CD
        return an_address(wire) if unchecked else [reply_to(wire, rcode=dns.rcode.SERVFAIL).to_wire()]

    async with DnsServer(validating) as server:
        assert await DnsResolver([server.address]).secure(_NAME) is None


async def test_a_server_that_is_broken_either_way_is_no_verdict_on_dnssec() -> None:
    async with DnsServer(lambda wire, over_tcp: [reply_to(wire, rcode=dns.rcode.SERVFAIL).to_wire()]) as server:
        with pytest.raises(EvercertError):
            await DnsResolver([server.address]).secure(_NAME)


async def test_a_direct_question_asks_for_no_recursion() -> None:
    async with DnsServer(lambda wire, over_tcp: [reply_to(wire, f"{_NAME}. TXT there").to_wire()]) as server:
        assert await DnsResolver(["127.0.0.1:9"]).txt(_NAME, server=server.address) == ["there"]
        assert not server.questions[0][0].flags & dns.flags.RD


async def test_a_message_is_given_to_nobody_who_is_away_or_silent() -> None:
    async with DnsServer(lambda wire, over_tcp: []) as server:
        with pytest.raises(EvercertError) as raised:
            await send_message(dns.message.make_query(_NAME, "A").to_wire(), server.address, 5)
    assert raised.value.code.name == "dns"
    with pytest.raises(EvercertError):
        await send_message(b"", server.address, 5)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(tail=st.binary(max_size=200), counts=st.binary(min_size=8, max_size=8))
async def test_any_octets_are_an_answer_or_an_error(tail: bytes, counts: bytes) -> None:
    async with DnsServer(lambda wire, over_tcp: [wire[:2] + b"\x81\x80" + counts + wire[12:] + tail]) as server:
        try:
            assert isinstance(await DnsResolver([server.address], timeout=0.01).txt(_NAME), list)
        except EvercertError as error:
            assert error.code.name == "dns"  # noqa: PT017 - either is right


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.1", NameServer("192.0.2.1")),
        ("192.0.2.1:5353", NameServer("192.0.2.1", 5353)),
        ("2001:db8::1", NameServer("2001:db8::1")),
        ("[2001:db8::1]", NameServer("2001:db8::1")),
        ("[2001:db8::1]:5353", NameServer("2001:db8::1", 5353)),
        (" ns.example.test:53 ", NameServer("ns.example.test")),
    ],
)
def test_a_server_is_an_address_and_perhaps_a_port(text: str, server: NameServer) -> None:
    assert NameServer.parse(text) == server
    assert NameServer.parse(str(server)) == server


@pytest.mark.parametrize("text", ["", ":53", "192.0.2.1:port", "192.0.2.1:70000", "[2001:db8::1", "a:0"])
def test_what_is_no_server_is_refused(text: str) -> None:
    with pytest.raises(EvercertError) as raised:
        NameServer.parse(text)
    assert raised.value.code.name == "bad-input"
