"""Identifiers and the subjectAltName extension (RFC 5280 §4.2.1.6), either way."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from cryptography import x509

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier, parse_identifier

__all__ = ["alternative_names", "identifiers_of"]


def alternative_names(identifiers: Iterable[Identifier]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_general_name(identifier) for identifier in identifiers])


def identifiers_of(extensions: x509.Extensions, *, strictly: bool = False) -> tuple[Identifier, ...]:
    """The DNS names and addresses that the extension holds; what is neither, or no valid name, is passed
    over, or raises `bad-name` if we read *strictly*."""
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    found: dict[Identifier, None] = {}
    for name in names:
        try:
            found[_identifier(name)] = None
        except EvercertError:
            if strictly:
                raise
    return tuple(found)


def _general_name(identifier: Identifier) -> x509.GeneralName:
    if identifier.type == "ip":
        return x509.IPAddress(ipaddress.ip_address(identifier.value))
    return x509.DNSName(identifier.value)


def _identifier(name: x509.GeneralName) -> Identifier:
    if isinstance(name, x509.IPAddress) and isinstance(name.value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return Identifier("ip", str(name.value))
    if isinstance(name, x509.DNSName):
        return parse_identifier(name.value)
    raise EvercertError("bad-name", f"{type(name).__name__} is no kind of name that a CA validates")
