"""The chain of an attestation key's certificate, up to a manufacturer that the operator trusts.

Names, signatures, validity, basic constraints and key usage (RFC 5280 §6.1) are checked from the top down, so that
whoever has no certificate of a trusted manufacturer makes us verify one signature. Revocation is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID

from evercert.pki.attestation.attested import reading, refused
from evercert.pki.cert import parsed
from evercert.pki.chain import split_pem

__all__ = ["TrustAnchors", "checked_chain", "read_anchors", "spki_of"]

_MAX_CHAIN = 6
_WEAK: Final = frozenset({"md5", "sha1"})
# Those that are looked at here or by a format; with any other that is critical a certificate means something else.
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """The manufacturers' roots for each format. A format without any is not accepted.

    Whoever can change them can name every device.
    """

    roots: Mapping[str, tuple[x509.Certificate, ...]]


def read_anchors(pem: Mapping[str, bytes]) -> TrustAnchors:
    """The roots for each format, from PEM texts. Raises `bad-certificate`."""
    return TrustAnchors({each: tuple(parsed(der) for der in split_pem(text)) for each, text in pem.items()})


def checked_chain(statement: Mapping[str, Any], roots: Sequence[x509.Certificate], now: datetime) -> x509.Certificate:
    """The first certificate of `x5c`, which one of *roots* vouches for at this moment by way of the others."""
    with reading("the attestation's certificate chain"):
        chain = [x509.load_der_x509_certificate(der) for der in _listed(statement)]
        _check_top(chain[-1], roots)
        for above, below in pairwise(reversed(chain)):
            _check_issued(below, above)
        for depth, certificate in enumerate(chain):
            _check_alone(certificate, now)
            if depth:
                _check_may_issue(certificate, depth - 1)
    return chain[0]


def spki_of(certificate: x509.Certificate) -> bytes:
    with reading("the attested key"):
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _listed(statement: Mapping[str, Any]) -> list[bytes]:
    listed = statement.get("x5c")
    if not isinstance(listed, list) or not all(isinstance(each, bytes) for each in listed):
        raise refused("the attestation statement has no x5c, a list of certificates")
    if not 1 <= len(listed) <= _MAX_CHAIN:
        raise refused(f"the attestation's certificate chain has 1 to {_MAX_CHAIN} certificates")
    return listed


def _check_top(top: x509.Certificate, roots: Sequence[x509.Certificate]) -> None:
    for root in roots:
        if root == top:
            return
        if root.subject == top.issuer and _is_signed(top, root):
            return
    raise refused("the attestation's certificate chain does not end at a manufacturer that this CA trusts")


def _check_issued(below: x509.Certificate, above: x509.Certificate) -> None:
    if not _is_signed(below, above):
        raise refused("the attestation's certificate chain is not in order: one is not signed by the next")


def _is_signed(below: x509.Certificate, above: x509.Certificate) -> bool:
    digest = below.signature_hash_algorithm
    if digest is not None and digest.name in _WEAK:
        raise refused("the attestation's certificate chain has a signature with SHA-1 or MD5")
    try:
        below.verify_directly_issued_by(above)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _check_alone(certificate: x509.Certificate, now: datetime) -> None:
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise refused("a certificate of the attestation's chain is not valid at this time")
    if any(each.critical and each.oid not in _UNDERSTOOD for each in certificate.extensions):
        raise refused("a certificate of the attestation's chain has a critical extension that is not understood")


def _check_may_issue(certificate: x509.Certificate, below: int) -> None:
    """*below* is how many CA certificates come between it and the leaf."""
    extensions = {each.oid: each.value for each in certificate.extensions}
    constraints, usage = extensions.get(ExtensionOID.BASIC_CONSTRAINTS), extensions.get(ExtensionOID.KEY_USAGE)
    may_sign = not isinstance(usage, x509.KeyUsage) or usage.key_cert_sign
    if not isinstance(constraints, x509.BasicConstraints) or not constraints.ca or not may_sign:
        raise refused("the attestation's certificate chain has an issuer that may not issue")
    if constraints.path_length is not None and below > constraints.path_length:
        raise refused("the attestation's certificate chain is longer than an issuer in it allows")
