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


def identifiers_of(extensions: x509.Extensions) -> tuple[Identifier, ...]:
    """The DNS names and addresses that the extension holds; what is neither, or no valid name, is passed over."""
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    found = (_identifier(name) for name in names)
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _general_name(identifier: Identifier) -> x509.GeneralName:
    if identifier.type == "ip":
        return x509.IPAddress(ipaddress.ip_address(identifier.value))
    return x509.DNSName(identifier.value)


def _identifier(name: x509.GeneralName) -> Identifier | None:
    if isinstance(name, x509.IPAddress):
        return Identifier("ip", str(name.value))
    if not isinstance(name, x509.DNSName):
        return None
    try:
        return parse_identifier(name.value)
    except EvercertError:
        return None
