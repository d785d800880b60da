"""TBSCertificate (RFC 5280 §4.1): put together from its fields, so that it can be looked at before it is signed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import NameOID

from evercert.base.errors import EvercertError
from evercert.pki import der

__all__ = [
    "Subject",
    "assemble",
    "authority_key_identifier",
    "extension",
    "extension_of",
    "key_bits",
    "key_identifier",
    "name_der",
    "with_signature",
]


@asn1.sequence
class _Spki:
    algorithm: asn1.TLV
    key: asn1.BitString


# Attribute and value, in the order in which they shall stand in the name.
Subject = tuple[tuple[str, str], ...]

_VERSION_3: Final = der.constructed(0xA0, der.integer(2))

_ATTRIBUTES: Final = {
    "CN": NameOID.COMMON_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "DC": NameOID.DOMAIN_COMPONENT,
    "UID": NameOID.USER_ID,
    "serialNumber": NameOID.SERIAL_NUMBER,
}


def assemble(
    *,
    serial: int,
    algorithm: bytes,
    issuer: bytes,
    not_before: datetime,
    not_after: datetime,
    subject: bytes,
    spki: bytes,
    extensions: Iterable[bytes],
) -> bytes:
    """The TBSCertificate (DER). *algorithm*, *issuer*, *subject*, *spki* and each extension are DER already."""
    return der.sequence(
        _VERSION_3,
        der.integer(serial),
        algorithm,
        issuer,
        der.sequence(der.time(not_before), der.time(not_after)),
        subject,
        spki,
        der.constructed(0xA3, der.sequence(*extensions)),
    )


def with_signature(tbs: bytes, algorithm: bytes, signature: bytes) -> bytes:
    """The Certificate or CertificateList: what is signed, how, and the signature."""
    return der.sequence(tbs, algorithm, der.bits(signature))


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    """One Extension whose value is DER."""
    return der.sequence(der.oid(dotted), der.TRUE if critical else b"", der.octets(value))


def extension_of(value: x509.ExtensionType, *, critical: bool = False) -> bytes:
    return extension(value.oid.dotted_string, value.public_bytes(), critical=critical)


def authority_key_identifier(identifier: bytes) -> bytes:
    """RFC 5280 §4.2.1.1, with the key's identifier alone."""
    return extension_of(x509.AuthorityKeyIdentifier(identifier, None, None))


@lru_cache(maxsize=1024)
def name_der(subject: Subject) -> bytes:
    """The Name (DER) of one attribute in each RDN. Attributes are the short ones of RFC 4514 or dotted identifiers.

    Raises `bad-input` for an attribute that is neither, or a value that it cannot hold.
    """
    try:
        return x509.Name([x509.NameAttribute(_attribute(kind), value) for kind, value in subject]).public_bytes()
    except ValueError as error:
        raise EvercertError("bad-input", f"not a subject that a certificate can have: {error}") from error


def key_bits(spki: bytes) -> bytes:
    """What is in the BIT STRING of a SubjectPublicKeyInfo: what key identifiers and OCSP's hashes are made of.

    Raises `bad-key` for what is none.
    """
    try:
        return asn1.decode_der(_Spki, spki).key.as_bytes()
    except ValueError as error:
        raise EvercertError("bad-key", "not a public key that can be read") from error


def key_identifier(spki: bytes) -> bytes:
    """RFC 7093 §2, method 1: SHA-256, cut to 160 bits."""
    return sha256(key_bits(spki)).digest()[:20]


def _attribute(kind: str) -> x509.ObjectIdentifier:
    return _ATTRIBUTES.get(kind) or x509.ObjectIdentifier(kind)
