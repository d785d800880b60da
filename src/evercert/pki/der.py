"""DER (X.690), written: no more of it than certificates, CRLs and OCSP responses are made of.

What the library's builders make is written with them. This is for what they cannot do: hand over a certificate's bytes
before they are signed, and a million entries of a CRL in a second.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

__all__ = [
    "NULL",
    "TRUE",
    "bits",
    "boolean",
    "constructed",
    "enumerated",
    "generalized_time",
    "header",
    "integer",
    "octets",
    "oid",
    "pem",
    "primitive",
    "sequence",
    "time",
    "utf8",
]

NULL: Final = b"\x05\x00"
TRUE: Final = b"\x01\x01\xff"

# An arc of 128 bits is a UUID (X.667) and the largest that is used. Below 0 and 1 there are 40 each.
_DOTTED: Final = re.compile(r"(?:[01]\.(?:\d|[1-3]\d)|2\.(?:0|[1-9]\d{0,38}))(?:\.(?:0|[1-9]\d{0,38})){0,62}")

# RFC 5280 §4.1.2.5: UTCTime through 2049, and it knows no year before 1950 (§4.1.2.5.1).
_UTC_TIME: Final = range(1950, 2050)


def header(tag: int, length: int) -> bytes:
    """What stands before a content of *length* octets, for one that is too large to be copied."""
    if length < 0x80:
        return bytes((tag, length))
    number = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(number))) + number


def primitive(tag: int, content: bytes) -> bytes:
    return header(tag, len(content)) + content


def constructed(tag: int, *parts: bytes) -> bytes:
    return primitive(tag, b"".join(parts))


def sequence(*parts: bytes) -> bytes:
    return primitive(0x30, b"".join(parts))


def integer(value: int) -> bytes:
    return primitive(0x02, _twos_complement(value))


def enumerated(value: int) -> bytes:
    return primitive(0x0A, _twos_complement(value))


def boolean(value: bool) -> bytes:
    return TRUE if value else b"\x01\x01\x00"


def octets(content: bytes) -> bytes:
    return primitive(0x04, content)


def bits(content: bytes) -> bytes:
    """A BIT STRING of whole octets."""
    return primitive(0x03, b"\x00" + content)


def utf8(text: str) -> bytes:
    return primitive(0x0C, text.encode())


@lru_cache(maxsize=512)
def oid(dotted: str) -> bytes:
    """Raises ValueError for what is no object identifier."""
    if not _DOTTED.fullmatch(dotted):
        raise ValueError("not a dotted object identifier")
    first, second, *others = (int(arc) for arc in dotted.split("."))
    return primitive(0x06, b"".join(_base128(arc) for arc in (first * 40 + second, *others)))


def time(moment: datetime) -> bytes:
    """The choice that certificates and CRLs make (RFC 5280 §4.1.2.5), to the second."""
    moment = _in_utc(moment)
    if moment.year not in _UTC_TIME:
        return generalized_time(moment)
    return primitive(0x17, f"{moment.year % 100:02}{_after_year(moment)}".encode())


def generalized_time(moment: datetime) -> bytes:
    moment = _in_utc(moment)
    return primitive(0x18, f"{moment.year:04}{_after_year(moment)}".encode())


def pem(label: str, body: bytes) -> str:
    """RFC 7468 §3, with a newline at its end."""
    text = base64.b64encode(body).decode()
    lines = "\n".join([text[at : at + 64] for at in range(0, len(text), 64)])
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def _twos_complement(value: int) -> bytes:
    """In as few octets as it can be (X.690 §8.3.2): -128 in one, as 127 is."""
    return value.to_bytes((~value if value < 0 else value).bit_length() // 8 + 1, "big", signed=True)


def _in_utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError("a moment without a time zone")
    return moment.astimezone(UTC)


def _after_year(moment: datetime) -> str:
    """By hand, because `strftime` takes five times as long, and less than four digits for early years."""
    return f"{moment.month:02}{moment.day:02}{moment.hour:02}{moment.minute:02}{moment.second:02}Z"


def _base128(arc: int) -> bytes:
    septets = [arc & 0x7F]
    while arc := arc >> 7:
        septets.append(0x80 | arc & 0x7F)
    return bytes(reversed(septets))
