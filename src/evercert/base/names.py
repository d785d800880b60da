"""Identifiers: what a certificate is for (RFC 8555 §9.7.7, RFC 8738).

`idna` is the one library used in this room: IDNA 2008 is a table of a hundred thousand
code points, and the standard library still speaks IDNA 2003. It is imported only when a
name is not ASCII.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal

from evercert.base.errors import EvercertError

__all__ = ["Identifier", "parse_identifier", "parse_identifiers"]

# RFC 1035 §2.3.4 and RFC 5890 §2.3.1: letters, digits, hyphens, 63 octets a label, 253 a name.
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
# A name as it stands in a certificate; nearly every text is one, and this one look is half of the work.
_USUAL = re.compile(rf"(?:\*\.)?(?:{_LABEL.pattern}\.)*[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_MAX_NAME = 253


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """A DNS name (lower case, A-labels, no final dot, perhaps `*.` in front) or an IP address
    (RFC 5952 text), made by `parse_identifier`, so it is valid once it exists. The two other types are what a device
    is called (draft-ietf-acme-device-attest); a CA of ours takes them, and makes them once it has checked them."""

    type: Literal["dns", "ip", "permanent-identifier", "hardware-module"]
    value: str

    @property
    def wildcard(self) -> bool:
        return self.type == "dns" and self.value.startswith("*.")

    @property
    def base(self) -> str:
        """The name without its `*.`: what an authorization and a TXT record are made for."""
        return self.value[2:] if self.wildcard else self.value

    @property
    def server_name(self) -> str:
        """The SNI that asks for this identifier: the name, or an IP's reverse name (RFC 8738 §6)."""
        if self.type == "ip":
            return ipaddress.ip_address(self.value).reverse_pointer
        return self.base

    def __str__(self) -> str:
        return self.value


def parse_identifier(text: str) -> Identifier:
    """The identifier that a person meant by *text*: any case, Unicode, a final dot, or an IP
    address, with or without brackets. Raises `bad-name` with what is wrong and what to write."""
    if len(text) <= _MAX_NAME and _USUAL.fullmatch(text):
        return Identifier("dns", text)
    written = text.strip()
    if address := _address(written.strip("[]")):
        return Identifier("ip", address)
    star, name = ("*.", written[2:]) if written.startswith("*.") else ("", written)
    name = _ascii(name.removesuffix("."), text).lower()
    _check_dns(name, text)
    return Identifier("dns", star + name)


def parse_identifiers(texts: list[str] | tuple[str, ...]) -> tuple[Identifier, ...]:
    """Each identifier once, in the order given."""
    return tuple(dict.fromkeys(parse_identifier(text) for text in texts))


def _address(text: str) -> str | None:
    # Most texts are names, and to fail at reading an address costs more than all else here.
    if ":" not in text and not text[-1:].isdigit():
        return None
    try:
        return ipaddress.ip_address(text).compressed if "%" not in text else None
    except ValueError:
        return None


def _ascii(name: str, text: str) -> str:
    if name.isascii():
        return name
    import idna

    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError as error:
        raise _bad(text, f"not a valid international name: {error}") from error


def _check_dns(name: str, text: str) -> None:
    if not name:
        raise _bad(text, "it is empty")
    if len(name) > _MAX_NAME:
        raise _bad(text, f"it is longer than {_MAX_NAME} characters")
    labels = name.split(".")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise _bad(text, _label_fault(label))
    # A name whose last label is a number is taken for an address by many programs (WHATWG URL,
    # "ends in a number"), so no CA issues for it and neither do we ask.
    if _NUMBER.fullmatch(labels[-1]):
        raise _bad(text, "its last label is a number")


def _label_fault(label: str) -> str:
    shown = label[:70].encode("ascii", "backslashreplace").decode()
    if not label:
        return "it has an empty label (two dots in a row, or a dot in front)"
    if "*" in label:
        return "a wildcard is `*.` in front of a name and nowhere else"
    if len(label) > 63:
        return f"the label {shown!r} is longer than 63 characters"
    if "_" in label:
        return f"the label {shown!r} has an underscore, which no CA accepts in a certificate"
    return f"the label {shown!r} may hold only letters, digits and inner hyphens"


def _bad(text: str, fault: str) -> EvercertError:
    shown = text[:100].encode("ascii", "backslashreplace").decode()
    return EvercertError(
        "bad-name",
        f"{shown!r} cannot stand in a certificate: {fault}",
        hint="write a DNS name such as www.example.com or *.example.com, or an IP address",
    )
