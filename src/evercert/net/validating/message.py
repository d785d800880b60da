"""DNS messages (RFC 1035 §4), as far as a validation asks: four types of question, and what answers them.

The library that we use elsewhere takes 140 us to write a question and read its answer, and makes an object of every
label; a validation asks up to ten. The tests compare the two over whatever they can think of.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, NamedTuple

from evercert.base.probe import CaaRecord

__all__ = ["Kind", "Reply", "Unreadable", "question", "read_reply", "wire_name"]

_QUERY_RESPONSE, _OPCODE, _TRUNCATED, _AUTHENTIC = 0x8000, 0x7800, 0x0200, 0x0020
_RECURSION_DESIRED, _CHECKING_DISABLED = 0x0100, 0x0010
_INTERNET: Final = 1
_CNAME, _SOA, _OPT = 5, 6, 41
_EXTENDED_ERROR: Final = 15  # RFC 8914 §2
_HEADER, _ASKED, _FIXED = struct.Struct("!6H"), struct.Struct("!HH"), struct.Struct("!HHIH")
# What passes every network without being fragmented (the DNS flag day of 2020).
_PAYLOAD: Final = 1232
_EDNS: Final = b"\x00" + _OPT.to_bytes(2) + _PAYLOAD.to_bytes(2) + bytes(6)
# As in `net.nameserver`: enough for anybody, and not enough to keep us busy.
_MAX_RECORDS: Final = 256
_MAX_NAME: Final = 255
_MAX_POINTERS: Final = 127
_MAX_ALIASES: Final = 16


class Kind(IntEnum):
    """The types that are asked for."""

    A = 1
    TXT = 16
    AAAA = 28
    CAA = 257


class Unreadable(Exception):
    """What came is no answer to the question that was asked."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `records` are those at the end of the aliases, `end` is the name (in wire form) where they end.

    `says_none`: the server vouches that nothing more is to be found (RFC 2308 §2). `reasons` are codes of RFC 8914.
    """

    rcode: int
    end: bytes
    truncated: bool = False
    authentic: bool = False
    records: tuple[Any, ...] = ()
    says_none: bool = False
    reasons: tuple[int, ...] = ()


def wire_name(name: str) -> bytes:
    """The octets of an A-label name, in lower case. Raises `Unreadable` for what is too long or has an empty label."""
    labels = name.rstrip(".").lower().encode("ascii", "replace").split(b".")
    if not all(0 < len(label) < 64 for label in labels):
        raise Unreadable("a label is empty or too long")
    wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\x00"
    if len(wire) > _MAX_NAME:
        raise Unreadable("the name is too long")
    return wire


def question(number: int, name: bytes, kind: Kind, *, edns: bool = True, unchecked: bool = False) -> bytes:
    """A question to a resolver; *unchecked* wants an answer although its signatures are wrong (CD, RFC 4035 §3.2.2).

    AD in a question asks for AD in the answer (RFC 6840 §5.7) without the signatures themselves.
    """
    flags = _RECURSION_DESIRED | _AUTHENTIC | (_CHECKING_DISABLED if unchecked else 0)
    return (
        _HEADER.pack(number, flags, 1, 0, 0, int(edns))
        + name
        + kind.to_bytes(2)
        + _INTERNET.to_bytes(2)
        + (_EDNS if edns else b"")
    )


def read_reply(data: bytes, number: int, name: bytes, kind: Kind) -> Reply:
    """What *data* answers to that question. Raises `Unreadable`, also for an answer to another one."""
    try:
        return _read(data, number, name, kind)
    except (IndexError, ValueError, OSError, struct.error) as error:
        raise Unreadable("it is no DNS message") from error


def _read(data: bytes, number: int, name: bytes, kind: Kind) -> Reply:
    its_number, flags, questions, *counts = _HEADER.unpack_from(data)
    if its_number != number or not flags & _QUERY_RESPONSE or flags & _OPCODE or questions != 1:
        raise Unreadable("it is no answer to us")
    asked, at = _name(data, _HEADER.size)
    if asked != name or _ASKED.unpack_from(data, at) != (kind, _INTERNET):
        raise Unreadable("it answers another question")
    if flags & _TRUNCATED:
        return Reply(flags & 0xF, name, truncated=True)
    if sum(counts) > _MAX_RECORDS:
        raise Unreadable("it has too many records")
    return _Sections(data, at + _ASKED.size).reply(flags, counts, name, kind)


class _Record(NamedTuple):
    owner: bytes
    kind: int
    rdclass: int
    ttl: int
    start: int
    end: int


class _Sections:
    """What follows the question, read from the front to the back."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def reply(self, flags: int, counts: list[int], name: bytes, kind: Kind) -> Reply:
        answer, authority, additional = ([self._next() for _ in range(count)] for count in counts)
        end = self._end_of_aliases(answer, name)
        records = [each for each in answer if each.kind == kind and each.owner == end and each.rdclass == _INTERNET]
        options = next((each for each in additional if each.kind == _OPT and each.owner == b"\x00"), None)
        return Reply(
            rcode=flags & 0xF | (options.ttl >> 24 << 4 if options else 0),
            end=end,
            authentic=bool(flags & _AUTHENTIC),
            records=tuple(_VALUES[kind](self._data[each.start : each.end]) for each in records),
            says_none=any(each.kind == _SOA and _is_at_or_below(end, each.owner) for each in authority),
            reasons=tuple(self._reasons(options)) if options else (),
        )

    def _next(self) -> _Record:
        data = self._data
        owner, at = _name(data, self._at)
        kind, rdclass, ttl, length = _FIXED.unpack_from(data, at)
        end = at + 10 + length
        if len(data) < end:
            raise Unreadable("it ends within a record")
        self._at = end
        return _Record(owner, kind, rdclass, ttl, at + 10, end)

    def _end_of_aliases(self, answer: list[_Record], name: bytes) -> bytes:
        aliases = {
            each.owner: _name(self._data, each.start)[0]
            for each in answer
            if each.kind == _CNAME and each.rdclass == _INTERNET
        }
        for _ in range(_MAX_ALIASES):
            if name not in aliases:
                return name
            name = aliases[name]
        raise Unreadable("its aliases go in a circle")

    def _reasons(self, options: _Record) -> list[int]:
        at, found = options.start, []
        while at + 4 <= options.end:
            code, length = (int.from_bytes(self._data[first : first + 2]) for first in (at, at + 2))
            if code == _EXTENDED_ERROR and length >= 2:
                found.append(int.from_bytes(self._data[at + 4 : at + 6]))
            at += 4 + length
        return found


def _name(data: bytes, at: int) -> tuple[bytes, int]:
    """The name at that place, in lower case and without compression (RFC 1035 §4.1.4), and what follows it.

    A pointer leads backwards from where its name began, as any writer's does; so there is an end, and no name has need
    of more pointers than labels.
    """
    labels, size, after, limit, pointers = [], 0, 0, at, 0
    while length := data[at]:
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | data[at + 1]
            after = after or at + 2
            pointers += 1
            if target >= limit or pointers > _MAX_POINTERS:
                raise Unreadable("a name points forward, or too often")
            at = limit = target
            continue
        size += length + 1
        if length > 63 or size >= _MAX_NAME:
            raise Unreadable("a name is too long")
        labels.append(data[at : at + 1 + length])
        at += 1 + length
    # A length is below 64 and no letter, so the whole may be put into lower case at once.
    return b"".join(labels).lower() + b"\x00", after or at + 1


def _is_at_or_below(name: bytes, owner: bytes) -> bool:
    at = 0
    while name[at:] != owner:
        if not name[at]:
            return False
        at += name[at] + 1
    return True


def _ipv4(rdata: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET, rdata)


def _ipv6(rdata: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET6, rdata)


def _text(rdata: bytes) -> bytes:
    strings, at = [], 0
    while at < len(rdata):
        length = rdata[at]
        if len(rdata) < at + 1 + length:
            raise Unreadable("a string ends behind its record")
        strings.append(rdata[at + 1 : at + 1 + length])
        at += 1 + length
    return b"".join(strings)


def _caa(rdata: bytes) -> CaaRecord:
    length = rdata[1]
    if not length or len(rdata) < 2 + length:
        raise Unreadable("a CAA record ends within its tag")
    return CaaRecord(rdata[0], rdata[2 : 2 + length].decode("latin-1"), rdata[2 + length :].decode("latin-1"))


_VALUES: Final[dict[int, Callable[[bytes], Any]]] = {Kind.A: _ipv4, Kind.AAAA: _ipv6, Kind.TXT: _text, Kind.CAA: _caa}
