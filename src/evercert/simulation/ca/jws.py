"""What a CA must check of a signed request (RFC 8555 §6), kept apart from what it then does."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from evercert.acme.jose import unb64url

__all__ = ["Jws", "PublicKey", "key_of", "mac_is_right", "read_jws", "signature_is_right", "spki_of"]

_CURVES = {
    "ES256": (ec.SECP256R1(), hashes.SHA256()),
    "ES384": (ec.SECP384R1(), hashes.SHA384()),
    "ES512": (ec.SECP521R1(), hashes.SHA512()),
}
_MACS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True)
class Jws:
    """A flattened JWS, decoded and not yet verified."""

    header: dict[str, Any]
    payload: bytes
    signed: bytes
    signature: bytes

    def json(self) -> dict[str, Any]:
        """The payload as the object that it is; empty for POST-as-GET."""
        document = json.loads(self.payload) if self.payload else {}
        if not isinstance(document, dict):
            raise TypeError("the payload is no object")
        return document


def read_jws(document: dict[str, Any]) -> Jws:
    """Raises ValueError or KeyError for what is no flattened JWS."""
    if set(document) != {"protected", "payload", "signature"}:
        raise ValueError("members")
    header = json.loads(unb64url(document["protected"]))
    signed = f"{document['protected']}.{document['payload']}".encode()
    return Jws(header, unb64url(document["payload"]), signed, unb64url(document["signature"]))


def key_of(jwk: dict[str, str]) -> PublicKey:
    number = {name: int.from_bytes(unb64url(value)) for name, value in jwk.items() if name in {"x", "y", "n", "e"}}
    if jwk["kty"] == "EC":
        curve = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}[jwk["crv"]]
        return ec.EllipticCurvePublicNumbers(number["x"], number["y"], curve).public_key()
    if jwk["kty"] == "RSA":
        return rsa.RSAPublicNumbers(number["e"], number["n"]).public_key()
    return ed25519.Ed25519PublicKey.from_public_bytes(unb64url(jwk["x"]))


def spki_of(jwk: dict[str, str]) -> bytes:
    return key_of(jwk).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def signature_is_right(jws: Jws, key: PublicKey) -> bool:
    """Whether *key* made the signature with the algorithm that the header names."""
    algorithm = jws.header["alg"]
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            return _ecdsa_is_right(jws, key, algorithm)
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(jws.signature, jws.signed, padding.PKCS1v15(), hashes.SHA256())
            return bool(algorithm == "RS256")
        key.verify(jws.signature, jws.signed)
    except (InvalidSignature, KeyError):
        return False
    return bool(algorithm == "EdDSA")


def _ecdsa_is_right(jws: Jws, key: ec.EllipticCurvePublicKey, algorithm: str) -> bool:
    curve, digest = _CURVES[algorithm]
    half = (curve.key_size + 7) // 8
    if key.curve.name != curve.name or len(jws.signature) != 2 * half:
        return False
    r, s = int.from_bytes(jws.signature[:half]), int.from_bytes(jws.signature[half:])
    key.verify(encode_dss_signature(r, s), jws.signed, ec.ECDSA(digest))
    return True


def mac_is_right(jws: Jws, key: bytes) -> bool:
    """Whether an external account binding was made with *key* (§7.3.4)."""
    digest = _MACS.get(jws.header["alg"])
    return digest is not None and hmac.compare_digest(hmac.digest(key, jws.signed, digest), jws.signature)
