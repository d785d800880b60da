"""Signatures over what is attested, by COSE algorithm (RFC 9053, RFC 8812). SHA-1 (RS1, -65535) is not among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from evercert.pki.attestation.attested import reading, refused

__all__ = ["Algorithm", "algorithm_of", "check_signature"]


@dataclass(frozen=True, slots=True)
class Algorithm:
    kind: str
    digest: Any

    def hash(self, data: bytes) -> bytes:
        computing = hashes.Hash(self.digest)
        computing.update(data)
        return computing.finalize()


_SHA: Final = (hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
_COSE: Final = {
    first - step: Algorithm(kind, digest)
    for kind, first in (("pkcs1", -257), ("pss", -37))
    for step, digest in enumerate(_SHA)
} | {number: Algorithm("ecdsa", digest) for number, digest in zip((-7, -35, -36), _SHA, strict=True)}


def algorithm_of(number: object) -> Algorithm:
    """The algorithm that COSE gives that number."""
    if not isinstance(number, int) or number not in _COSE:
        raise refused("the attestation's algorithm (alg) is none of ES, RS or PS with 256, 384 or 512")
    return _COSE[number]


def check_signature(public: Any, signature: bytes, data: bytes, algorithm: Algorithm) -> None:
    """Raises unless *signature* (DER for ECDSA) over *data* is by the key *public*."""
    with reading("the attestation's signature"):
        try:
            public.verify(signature, data, *_scheme(public, algorithm))
        except InvalidSignature:
            raise refused("the attestation is not signed by the key of its certificate") from None


def _scheme(public: Any, algorithm: Algorithm) -> tuple[Any, ...]:
    if algorithm.kind == "ecdsa" and isinstance(public, ec.EllipticCurvePublicKey):
        return (ec.ECDSA(algorithm.digest),)
    if algorithm.kind == "pkcs1" and isinstance(public, rsa.RSAPublicKey):
        return padding.PKCS1v15(), algorithm.digest
    if algorithm.kind == "pss" and isinstance(public, rsa.RSAPublicKey):
        # TPM 2.0 Part 1, B.7: the salt is as long as the digest, or as there is room for.
        return padding.PSS(padding.MGF1(algorithm.digest), padding.PSS.AUTO), algorithm.digest
    raise refused("the attestation's algorithm (alg) does not go with the key of its certificate")
