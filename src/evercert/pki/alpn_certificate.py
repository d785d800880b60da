"""The certificate that answers tls-alpn-01, from the CA's side (RFC 8737 §3, RFC 8738 §6)."""

from __future__ import annotations

import ipaddress
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.pki.cert import parsed
from evercert.pki.unreadable import UNREADABLE

__all__ = ["acme_identifier_of"]

# RFC 8737 §6.1: id-pe-acmeIdentifier. Drafts had id-pe 30.1, which a large CA took for years too long.
_ACME_IDENTIFIER: Final = ObjectIdentifier("1.3.6.1.5.5.7.1.31")
# A DER OCTET STRING of 32 octets.
_DIGEST_HEADER: Final = b"\x04\x20"


def acme_identifier_of(der: bytes, identifier: Identifier) -> bytes:
    """The 32 octets in the acmeIdentifier extension of a certificate that is for *identifier*, for nothing else, and
    signed by itself. Raises `bad-certificate` with a clause whose subject is the certificate; it has no word of it.
    """
    certificate = parsed(der)
    try:
        extensions = certificate.extensions
    except UNREADABLE as error:
        raise _bad("has an extension twice, or one that cannot be read") from error
    _check_signature(certificate)
    _check_name(extensions, identifier)
    return _digest(extensions)


def _check_signature(certificate: x509.Certificate) -> None:
    # Whoever is signed by another may have been made for another purpose by who controls no more than a CSR.
    try:
        certificate.verify_directly_issued_by(certificate)
    except UNREADABLE as error:
        raise _bad("is not signed by itself") from error


def _check_name(extensions: x509.Extensions, identifier: Identifier) -> None:
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value.public_bytes()
    except (x509.ExtensionNotFound, *UNREADABLE) as error:
        raise _bad("has no subjectAltName extension") from error
    if names != _only(identifier):
        raise _bad("does not have exactly one name, the one that is validated, in its subjectAltName extension")


def _only(identifier: Identifier) -> bytes:
    """The DER of a subjectAltName extension with that one name (RFC 5280 §4.2.1.6)."""
    if identifier.type == "ip":
        return x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(identifier.value))]).public_bytes()
    return x509.SubjectAlternativeName([x509.DNSName(identifier.value)]).public_bytes()


def _digest(extensions: x509.Extensions) -> bytes:
    try:
        extension = extensions.get_extension_for_oid(_ACME_IDENTIFIER)
    except x509.ExtensionNotFound as error:
        raise _bad("has no acmeIdentifier extension (1.3.6.1.5.5.7.1.31)") from error
    value = extension.value.public_bytes()
    if not extension.critical:
        raise _bad("has an acmeIdentifier extension that is not critical")
    if len(value) != 34 or not value.startswith(_DIGEST_HEADER):
        raise _bad("has an acmeIdentifier extension that is no octet string of 32 octets")
    return value[2:]


def _bad(what: str) -> EvercertError:
    return EvercertError("bad-certificate", what)
