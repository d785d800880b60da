"""A to-be-signed certificate, read back by readers that had no part in writing it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import load_der_public_key

from evercert.pki import der
from evercert.pki.cert import parsed
from evercert.pki.signer import Signer
from evercert.pki.tbs import with_signature

__all__ = ["Issuer", "Moment", "Raw", "Seen", "look"]

_E = TypeVar("_E", bound=x509.ExtensionType)


@asn1.sequence
class Raw:
    """An extension as its octets say it."""

    oid: x509.ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)]
    value: bytes


# `Time` of RFC 5280 §4.1: which of the two was chosen is part of what is looked at.
Moment = asn1.UTCTime | asn1.GeneralizedTime


@asn1.sequence
class _Validity:
    not_before: Moment
    not_after: Moment


@asn1.sequence
class _Tbs:
    version: Annotated[int, asn1.Explicit(0), asn1.Default(0)]
    serial: int
    algorithm: asn1.TLV
    issuer: asn1.TLV
    validity: _Validity
    subject: asn1.TLV
    spki: asn1.TLV
    extensions: Annotated[list[Raw], asn1.Explicit(3)]


@dataclass(frozen=True, slots=True)
class Issuer:
    """How the issuer's own certificate binds those below it."""

    ekus: frozenset[x509.ObjectIdentifier] | None
    constraints: x509.NameConstraints | None


@dataclass(frozen=True, slots=True)
class Seen:
    """The octets, the fields in them, what the extensions mean, the key (None for one that the library does not know),
    and who is to sign."""

    octets: bytes
    serial: int
    algorithm: bytes
    issuer: bytes
    not_before: Moment
    not_after: Moment
    subject: x509.Name
    spki: bytes
    key: Any
    raw: list[Raw]
    meaning: dict[x509.ObjectIdentifier, x509.ExtensionType]
    signer: Signer
    above: Issuer

    def extension(self, kind: type[_E]) -> _E | None:
        found = self.meaning.get(kind.oid)
        return found if isinstance(found, kind) else None


def look(tbs: bytes, signer: Signer) -> Seen:
    """Raises what the library raises for octets that are no TBSCertificate, or an extension that is not what it is
    called."""
    fields = asn1.decode_der(_Tbs, tbs)
    certificate = x509.load_der_x509_certificate(with_signature(tbs, signer.algorithm, b""))
    return Seen(
        octets=tbs,
        serial=fields.serial,
        algorithm=der.sequence(bytes(fields.algorithm.data)),
        issuer=der.sequence(bytes(fields.issuer.data)),
        not_before=fields.validity.not_before,
        not_after=fields.validity.not_after,
        subject=certificate.subject,
        spki=der.sequence(bytes(fields.spki.data)),
        key=_key(der.sequence(bytes(fields.spki.data))),
        raw=fields.extensions,
        meaning={each.oid: each.value for each in certificate.extensions},
        signer=signer,
        above=_issuer(signer.certificate),
    )


def _key(spki: bytes) -> Any:
    try:
        return load_der_public_key(spki)
    except UnsupportedAlgorithm:
        return None


@lru_cache(maxsize=64)
def _issuer(certificate: bytes) -> Issuer:
    found = {each.oid: each.value for each in parsed(certificate).extensions}
    usages, constraints = found.get(x509.ExtendedKeyUsage.oid), found.get(x509.NameConstraints.oid)
    return Issuer(
        ekus=frozenset(usages) if isinstance(usages, x509.ExtendedKeyUsage) else None,
        constraints=constraints if isinstance(constraints, x509.NameConstraints) else None,
    )
