"""The format `step`: a PIV token (YubiKey) certifies the key in a slot, and that key signs the key authorization.

Not registered at IANA; it is what smallstep's clients send, and Yubico's "PIV Attestation" describes the certificate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ObjectIdentifier

from evercert.pki.attestation.attested import Attested, Binding, reading, refused
from evercert.pki.attestation.cbor import read_cbor
from evercert.pki.attestation.chain import checked_chain, spki_of
from evercert.pki.attestation.identifiers import PERMANENT_IDENTIFIER, device_identifier
from evercert.pki.attestation.signature import algorithm_of, check_signature

__all__ = ["FORMAT", "verify_step"]

FORMAT: Final = "step"

_SERIAL: Final = ObjectIdentifier("1.3.6.1.4.1.41482.3.7")
_ES256, _RS256 = -7, -257


def verify_step(
    statement: Mapping[str, Any], binding: Binding, roots: Sequence[x509.Certificate], now: datetime
) -> Attested:
    """The key of the first certificate, which signed the key authorization with SHA-256."""
    certificate = checked_chain(statement, roots, now)
    wrapped = statement.get("sig")
    # The signature is a CBOR byte string within the statement's byte string.
    signature = read_cbor(wrapped) if isinstance(wrapped, bytes) else None
    if not isinstance(signature, bytes):
        raise refused("the attestation statement has no sig")
    with reading("the attestation certificate"):
        public = certificate.public_key()
        serials = [each.value for each in certificate.extensions if each.oid == _SERIAL]
        numbers = [asn1.decode_der(int, each.value) for each in serials if isinstance(each, x509.UnrecognizedExtension)]
        if len(numbers) != 1 or not 0 <= numbers[0] < 1 << 64:
            raise refused("the attestation certificate has no serial number of a token")
    algorithm = algorithm_of(_ES256 if isinstance(public, ec.EllipticCurvePublicKey) else _RS256)
    check_signature(public, signature, binding.key_authorization, algorithm)
    return Attested(FORMAT, (device_identifier(PERMANENT_IDENTIFIER, str(numbers[0])),), spki_of(certificate))
