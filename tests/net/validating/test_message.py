"""The messages that validations exchange with DNS, beside those of a library that knows all of DNS."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import pairwise
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdtypes.ANY.TXT
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.probe import CaaRecord
from evercert.net.validating.message import Kind, Reply, Unreadable, question, read_reply, wire_name

NAME = "www.example.test"
NUMBER = 4711

labels = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20)
names = st.lists(labels, min_size=1, max_size=6).map(".".join)


def answer(kind: Kind, *records: str, name: str = NAME, rcode: int = 0, flags: int = 0) -> dns.message.Message:
    """Each of *records* is `section name type value`."""
    reply = dns.message.make_response(dns.message.from_wire(question(NUMBER, wire_name(name), kind)))
    reply.set_rcode(dns.rcode.Rcode(rcode))
    reply.flags |= flags
    for record in records:
        section, owner, rdtype, value = record.split(" ", 3)
        reply.find_rrset(
            getattr(reply, section),
            dns.name.from_text(owner),
            dns.rdataclass.IN,
            dns.rdatatype.from_text(rdtype),
            create=True,
        ).update(dns.rrset.from_text(owner, 60, "IN", rdtype, value))
    return reply


def read(reply: dns.message.Message, kind: Kind, name: str = NAME) -> Reply:
    return read_reply(reply.to_wire(), NUMBER, wire_name(name), kind)


@given(names, st.sampled_from(list(Kind)), st.integers(0, 65535), st.booleans())
def test_a_question_is_what_the_library_reads_it_to_be(name: str, kind: Kind, number: int, edns: bool) -> None:
    message = dns.message.from_wire(question(number, wire_name(name), kind, edns=edns))
    (asked,) = message.question
    assert (message.id, asked.name, int(asked.rdtype)) == (number, dns.name.from_text(name), kind)
    assert message.flags == dns.flags.RD | dns.flags.AD
    assert (message.edns, message.payload) == ((0, 1232) if edns else (-1, 0))


@given(names, st.lists(st.ip_addresses(v=4).map(str), max_size=5), st.lists(names, max_size=4))
def test_addresses_behind_aliases_are_what_the_library_finds(name: str, found: list[str], aliases: list[str]) -> None:
    chain = list(dict.fromkeys([name, *aliases]))
    records = [f"answer {one} CNAME {other}." for one, other in pairwise(chain)]
    records += [f"answer {chain[-1]} A {address}" for address in found]
    reply = read(answer(Kind.A, *records, name=name), Kind.A, name)
    assert sorted(reply.records) == sorted(set(found))
    assert reply.end == wire_name(chain[-1])


@given(st.lists(st.lists(st.binary(max_size=255), min_size=1, max_size=4), min_size=1, max_size=5))
def test_the_strings_of_a_text_are_joined(texts: list[list[bytes]]) -> None:
    reply = answer(Kind.TXT)
    rdata = [dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings) for strings in texts]
    reply.answer.append(dns.rrset.from_rdata_list(dns.name.from_text(NAME), 60, rdata))
    assert sorted(read(reply, Kind.TXT).records) == sorted(b"".join(each) for each in {tuple(each) for each in texts})


def test_ipv6_and_caa_are_read() -> None:
    assert read(answer(Kind.AAAA, f"answer {NAME} AAAA 2001:DB8::1"), Kind.AAAA).records == ("2001:db8::1",)
    caa = read(answer(Kind.CAA, f'answer {NAME} CAA 128 Issue "ca.test; a=b"'), Kind.CAA)
    assert caa.records == (CaaRecord(128, "Issue", "ca.test; a=b"),)


def test_what_is_beside_the_question_is_no_answer() -> None:
    reply = read(answer(Kind.A, "answer other.test A 192.0.2.1", f"additional {NAME} A 192.0.2.2"), Kind.A)
    assert reply.records == ()


def test_that_there_is_none_is_told_with_its_witness() -> None:
    soa = "SOA ns.example.test. host.example.test. 1 2 3 4 5"
    assert read(answer(Kind.A, f"authority example.test {soa}", rcode=3), Kind.A).says_none
    assert not read(answer(Kind.A, f"authority other.test {soa}"), Kind.A).says_none
    assert read(answer(Kind.A, f"authority . {soa}"), Kind.A).says_none


def test_flags_codes_and_reasons_are_told() -> None:
    reply = answer(Kind.A, rcode=2, flags=dns.flags.AD)
    reply.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS, "words")])
    seen = read(reply, Kind.A)
    assert (seen.rcode, seen.authentic, seen.reasons) == (2, True, (6,))
    bad_version = answer(Kind.A)
    bad_version.use_edns(0)
    bad_version.set_rcode(dns.rcode.BADVERS)
    assert read(bad_version, Kind.A).rcode == 16
    assert read(answer(Kind.A, flags=dns.flags.TC), Kind.A).truncated


@pytest.mark.parametrize("at", [0, 2, 5, 13, 29, 31])
def test_an_answer_to_another_question_is_none(at: int) -> None:
    data = bytearray(answer(Kind.A, f"answer {NAME} A 192.0.2.1").to_wire())
    data[at] ^= 0x81
    with pytest.raises(Unreadable):
        read_reply(bytes(data), NUMBER, wire_name(NAME), Kind.A)


def test_case_does_not_matter() -> None:
    data = answer(Kind.A, f"answer {NAME} A 192.0.2.1").to_wire().replace(b"example", b"eXaMPLE")
    assert read_reply(data, NUMBER, wire_name("WWW.example.TEST."), Kind.A).records == ("192.0.2.1",)


@pytest.mark.parametrize(
    "tail",
    [
        b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f",  # cut
        b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x03\x7f\x00\x01",  # three octets of an address
        b"\xc0\xff\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x00",  # a pointer into nothing
        b"\xc0\x22\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x00",  # a pointer to itself
        b"\x40abc\x00\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x00",  # a kind of label that there is not
        b"",
    ],
)
def test_a_record_that_is_broken_makes_the_answer_unreadable(tail: bytes) -> None:
    header = question(NUMBER, wire_name(NAME), Kind.A, edns=False)
    data = header[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + header[12:] + tail
    with pytest.raises(Unreadable):
        read_reply(data, NUMBER, wire_name(NAME), Kind.A)


def test_names_that_are_nothing_but_pointers_take_no_time() -> None:
    asked = question(NUMBER, wire_name(NAME), Kind.A, edns=False)
    chain = b"".join((0xC000 | at).to_bytes(2) for at in (12, *range(46, 16_000, 2)))
    blob = b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x00" + len(chain).to_bytes(2) + chain
    far = (0xC000 | (len(asked) + 12 + len(chain) - 2)).to_bytes(2)
    rest = far + b"\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00"
    data = asked[:2] + b"\x81\x80\x00\x01\x00\xff\x00\x00\x00\x00" + asked[12:] + blob + rest * 254
    began = time.process_time()
    with pytest.raises(Unreadable):
        read_reply(data, NUMBER, wire_name(NAME), Kind.A)
    assert time.process_time() - began < 0.2


def test_aliases_in_a_circle_are_refused() -> None:
    with pytest.raises(Unreadable):
        read(answer(Kind.A, f"answer {NAME} CNAME b.test.", f"answer b.test CNAME {NAME}."), Kind.A)


@pytest.mark.parametrize("name", ["", "a..b", "." * 3, "a" * 64, "a." * 128])
def test_what_is_no_name_is_not_asked_for(name: str) -> None:
    with pytest.raises(Unreadable):
        wire_name(name)


@given(
    tail=st.binary(max_size=300),
    flags=st.binary(min_size=2, max_size=2),
    counts=st.tuples(*[st.integers(0, 3)] * 3),
    kind=st.sampled_from(list(Kind)),
)
def test_any_octets_are_a_reply_or_unreadable(tail: bytes, flags: bytes, counts: Any, kind: Kind) -> None:
    asked = question(NUMBER, wire_name(NAME), kind, edns=False)
    data = asked[:2] + flags + b"\x00\x01" + b"".join(each.to_bytes(2) for each in counts) + asked[12:] + tail
    with suppress(Unreadable):
        assert isinstance(read_reply(data, NUMBER, wire_name(NAME), kind), Reply)
