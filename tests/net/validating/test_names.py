"""A CA's resolvers: how each ending of a question is told apart."""

from __future__ import annotations

import time

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from evercert.base.errors import EvercertError
from evercert.base.probe import Outcome
from evercert.net.validating.message import Kind
from evercert.net.validating.names import Resolvers
from tests.fakes.dns_server import DnsServer

NAME = "www.example.test"
SOA = "ns.example.test. host.example.test. 1 2 3 4 5"


def reply(
    wire: bytes, *answers: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR, flags: int = 0, soa: str = ""
) -> dns.message.Message:
    """The answer to a question; each of *answers* is `name type value`."""
    message = dns.message.make_response(dns.message.from_wire(wire))
    message.set_rcode(rcode)
    message.flags |= flags
    for answer in answers:
        name, kind, value = answer.split(" ", 2)
        message.answer.append(dns.rrset.from_text(name, 60, "IN", kind, value))
    if soa:
        message.authority.append(dns.rrset.from_text(soa, 60, "IN", "SOA", SOA))
    return message


def an_address(wire: bytes, over_tcp: bool = False) -> list[bytes]:
    return [reply(wire, f"{dns.message.from_wire(wire).question[0].name} A 192.0.2.1").to_wire()]


async def test_records_are_found_and_it_is_told_who_vouches_for_them() -> None:
    def vouched(wire: bytes, over_tcp: bool) -> list[bytes]:
        return [reply(wire, f"{NAME}. A 192.0.2.1", flags=dns.flags.AD).to_wire()]

    async with DnsServer(an_address) as plain, DnsServer(vouched) as validating:
        seen = await Resolvers([plain.address]).look_up(NAME, Kind.A)
        assert (seen.outcome, seen.records, seen.authentic) == (Outcome.FOUND, ("192.0.2.1",), False)
        assert seen.server == plain.address
        assert (await Resolvers([validating.address]).look_up(NAME, Kind.A)).authentic


@pytest.mark.parametrize(
    ("rcode", "outcome"),
    [
        (dns.rcode.NOERROR, Outcome.NO_DATA),
        (dns.rcode.NXDOMAIN, Outcome.NO_NAME),
        (dns.rcode.SERVFAIL, Outcome.FAILED),
        (dns.rcode.REFUSED, Outcome.FAILED),
        (dns.rcode.FORMERR, Outcome.FAILED),
        (dns.rcode.BADVERS, Outcome.FAILED),
    ],
)
async def test_what_is_not_found_is_told_by_its_reason(rcode: dns.rcode.Rcode, outcome: Outcome) -> None:
    def nothing(wire: bytes, over_tcp: bool) -> list[bytes]:
        message = dns.message.make_response(dns.message.from_wire(wire))
        if message.edns >= 0:
            message.use_edns(0)
        message.set_rcode(rcode if rcode != dns.rcode.BADVERS or message.edns >= 0 else dns.rcode.REFUSED)
        return [message.to_wire()]

    async with DnsServer(nothing) as server:
        seen = await Resolvers([server.address]).look_up(NAME, Kind.A)
        assert seen.outcome is outcome
        assert bool(seen.fault) is not outcome.is_answer


async def test_a_silent_server_is_asked_twice_and_named() -> None:
    async with DnsServer(lambda wire, over_tcp: []) as server:
        began = time.monotonic()
        seen = await Resolvers([server.address], timeout=0.2).look_up(NAME, Kind.A)
        assert time.monotonic() - began < 2
        assert len(server.questions) == 2
    assert seen.outcome is Outcome.SILENT
    assert f"DNS server {server.address} did not answer within" in seen.fault


async def test_the_next_server_is_asked_where_one_fails() -> None:
    def broken(wire: bytes, over_tcp: bool) -> list[bytes]:
        return [reply(wire, rcode=dns.rcode.SERVFAIL).to_wire()]

    async with DnsServer(broken) as first, DnsServer(an_address) as second:
        seen = await Resolvers([first.address, second.address]).look_up(NAME, Kind.A)
        assert (seen.records, seen.server) == (("192.0.2.1",), second.address)


async def test_a_failure_that_goes_away_without_the_checks_is_bogus() -> None:
    def validating(wire: bytes, over_tcp: bool) -> list[bytes]:
        unchecked = dns.message.from_wire(wire).flags & dns.flags.CD
        return an_address(wire) if unchecked else [reply(wire, rcode=dns.rcode.SERVFAIL).to_wire()]

    async with DnsServer(validating) as server:
        seen = await Resolvers([server.address]).look_up(NAME, Kind.A)
        assert (seen.outcome, seen.records) == (Outcome.BOGUS, ())


async def test_a_server_that_says_so_finds_it_bogus_and_its_words_are_not_repeated() -> None:
    def telling(wire: bytes, over_tcp: bool) -> list[bytes]:
        message = reply(wire, rcode=dns.rcode.SERVFAIL)
        message.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.SIGNATURE_EXPIRED, "canary")])
        return [message.to_wire()]

    async with DnsServer(telling) as server:
        seen = await Resolvers([server.address]).look_up(NAME, Kind.A)
        assert seen.outcome is Outcome.BOGUS
        assert "canary" not in seen.fault
        assert len(server.questions) == 1


async def test_a_cut_answer_is_asked_for_again_over_tcp() -> None:
    def cut(wire: bytes, over_tcp: bool) -> list[bytes]:
        return an_address(wire) if over_tcp else [reply(wire, flags=dns.flags.TC).to_wire()]

    async with DnsServer(cut) as server:
        assert (await Resolvers([server.address]).look_up(NAME, Kind.A)).records == ("192.0.2.1",)
        assert [over_tcp for _, over_tcp in server.questions] == [False, True]


async def test_a_server_that_knows_no_edns_is_asked_without() -> None:
    def old(wire: bytes, over_tcp: bool) -> list[bytes]:
        knows = dns.message.from_wire(wire).edns < 0
        return an_address(wire) if knows else [reply(wire, rcode=dns.rcode.FORMERR).to_wire()]

    async with DnsServer(old) as server:
        assert (await Resolvers([server.address]).look_up(NAME, Kind.A)).records == ("192.0.2.1",)


async def test_what_does_not_answer_the_question_is_passed_over() -> None:
    def answers(wire: bytes, over_tcp: bool) -> list[bytes]:
        other_id = bytes((wire[0] ^ 1,)) + an_address(wire)[0][1:]
        other = dns.message.make_query("other.test", "A", id=int.from_bytes(wire[:2]))
        forged = reply(other.to_wire(), "other.test. A 203.0.113.1").to_wire()
        return [b"", b"\xff" * 40, wire, b"\x00" * 1501, other_id, forged, *an_address(wire)]

    async with DnsServer(answers) as server:
        assert (await Resolvers([server.address]).look_up(NAME, Kind.A)).records == ("192.0.2.1",)


async def test_a_flood_of_wrong_answers_ends_the_wait() -> None:
    async with DnsServer(lambda wire, over_tcp: [b"\x00" * 30] * 200) as server:
        began = time.monotonic()
        seen = await Resolvers([server.address], timeout=20).look_up(NAME, Kind.A)
        assert time.monotonic() - began < 5
    assert seen.outcome is Outcome.SILENT


async def test_aliases_that_the_server_left_to_us_are_followed_to_an_end() -> None:
    def step(wire: bytes, over_tcp: bool) -> list[bytes]:
        name = dns.message.from_wire(wire).question[0].name.to_text()
        number = int(name[1])
        return an_address(wire) if number == 5 else [reply(wire, f"{name} CNAME a{number + 1}.test.").to_wire()]

    def endless(wire: bytes, over_tcp: bool) -> list[bytes]:
        name = dns.message.from_wire(wire).question[0].name.to_text()
        return [reply(wire, f"{name} CNAME a{name}").to_wire()]

    def ended(wire: bytes, over_tcp: bool) -> list[bytes]:
        return [reply(wire, f"{NAME}. CNAME other.test.", soa="test.").to_wire()]

    async with DnsServer(step) as first, DnsServer(endless) as second, DnsServer(ended) as third:
        assert (await Resolvers([first.address]).look_up("a0.test", Kind.A)).records == ("192.0.2.1",)
        assert (await Resolvers([second.address]).look_up(NAME, Kind.A)).outcome is Outcome.FAILED
        assert (await Resolvers([third.address]).look_up(NAME, Kind.A)).outcome is Outcome.NO_DATA
        assert len(second.questions) < 20
        assert len(third.questions) == 1


async def test_a_name_that_is_none_is_not_asked_for() -> None:
    assert (await Resolvers(["127.0.0.1:9"]).look_up("a..b", Kind.A)).outcome is Outcome.NO_NAME


def test_a_server_is_an_address_and_never_a_name() -> None:
    with pytest.raises(EvercertError) as raised:
        Resolvers(["ns.example.test"])
    assert raised.value.code.name == "bad-input"


async def test_both_addresses_are_asked_for_together_under_numbers_of_their_own() -> None:
    def both(wire: bytes, over_tcp: bool) -> list[bytes]:
        kind = dns.message.from_wire(wire).question[0].rdtype.name
        return [reply(wire, f"{NAME}. {kind} {'192.0.2.1' if kind == 'A' else '2001:db8::1'}").to_wire()]

    async with DnsServer(both) as server:
        ipv6, ipv4 = await Resolvers([server.address]).addresses(NAME)
        assert (ipv6.records, ipv4.records) == (("2001:db8::1",), ("192.0.2.1",))
        assert len({message.id for message, _ in server.questions}) == len(server.questions) == 2


async def test_an_address_that_was_not_plainly_answered_is_asked_for_again() -> None:
    def half(wire: bytes, over_tcp: bool) -> list[bytes]:
        kind = dns.message.from_wire(wire).question[0].rdtype.name
        if kind == "A":
            return an_address(wire)
        return [reply(wire, rcode=dns.rcode.SERVFAIL).to_wire()]

    async with DnsServer(half) as server:
        ipv6, ipv4 = await Resolvers([server.address]).addresses(NAME)
    assert (ipv6.outcome, ipv4.records) == (Outcome.FAILED, ("192.0.2.1",))


async def test_several_names_are_asked_for_on_one_socket_and_one_that_is_silent_loses_no_other() -> None:
    def but_one(wire: bytes, over_tcp: bool) -> list[bytes]:
        name = dns.message.from_wire(wire).question[0].name.to_text()
        return [] if name == "silent.test." else [reply(wire, f"{name} A 192.0.2.1").to_wire()]

    async with DnsServer(but_one) as server:
        wanted = [(name, Kind.A) for name in ("a.test", "silent.test", "a..b", "b.test")]
        found = await Resolvers([server.address], timeout=0.2).look_up_all(wanted)
    assert [each.outcome for each in found] == [Outcome.FOUND, Outcome.SILENT, Outcome.NO_NAME, Outcome.FOUND]
    assert [message.question[0].name.to_text() for message, _ in server.questions].count("a.test.") == 1
