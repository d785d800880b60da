"""Public keys of others: read from a JWK or an SPKI, and what they have signed.

Rules of this file:

* A key of a kind or size that is not in the table does not exist here.
* A key has one way to be written (RFC 7518 §2, §6.3.1.1); in another one, its thumbprint would be another key's.
* A signature is right under the one algorithm that goes with its key (RFC 7518 §3.1, RFC 8037), or it is wrong.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from evercert.base.errors import EvercertError

__all__ = ["PublicKey", "public_from_jwk", "public_from_spki"]

_B64URL: Final = re.compile(r"[A-Za-z0-9_-]+")
_MAX_MEMBER = 1024
_RSA_BITS: Final = range(2048, 4097)


@dataclass(frozen=True, slots=True)
class _Curve:
    """A curve of RFC 7518 §6.2.1.1, and the one algorithm that goes with it."""

    curve: ec.EllipticCurve
    alg: str
    octets: int
    scheme: ec.ECDSA


_CURVES: Final = {
    "P-256": _Curve(ec.SECP256R1(), "ES256", 32, ec.ECDSA(hashes.SHA256())),
    "P-384": _Curve(ec.SECP384R1(), "ES384", 48, ec.ECDSA(hashes.SHA384())),
    "P-521": _Curve(ec.SECP521R1(), "ES512", 66, ec.ECDSA(hashes.SHA512())),
}
_BY_NAME: Final = {each.curve.name: each for each in _CURVES.values()}


class PublicKey:
    """Somebody's public key of a kind that can sign a JWS."""

    __slots__ = ("_curve", "_key", "alg")

    def __init__(self, key: Any) -> None:
        self.alg = _alg_of(key)
        self._key = key
        # Found once: asking the library's abstract classes costs a tenth of a verification, each time.
        self._curve = _BY_NAME[key.curve.name] if self.alg.startswith("ES") else None

    @property
    def spki(self) -> bytes:
        """SubjectPublicKeyInfo (DER); equal keys have equal ones."""
        encoded: bytes = self._key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return encoded

    def has_signed(self, data: bytes, signature: bytes) -> bool:
        """Whether *signature* is that of *data* in JWS form: r || s of fixed length for ECDSA, never DER."""
        try:
            self._verify(data, signature)
        except (InvalidSignature, ValueError):
            return False
        return True

    def _verify(self, data: bytes, signature: bytes) -> None:
        if self._curve is not None:
            octets = self._curve.octets
            if len(signature) != 2 * octets:
                raise InvalidSignature
            r, s = int.from_bytes(signature[:octets]), int.from_bytes(signature[octets:])
            self._key.verify(encode_dss_signature(r, s), data, self._curve.scheme)
        elif self.alg == "RS256":
            self._key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        else:
            self._key.verify(signature, data)


def public_from_jwk(jwk: Mapping[str, object]) -> PublicKey:
    """The key in a JWK (RFC 7517). Members that are none of the key's are passed over, as RFC 7517 §4 says.

    Raises `bad-key`, also for a private key: whoever sends one has published it.
    """
    if "d" in jwk or "k" in jwk:
        raise _bad("it is a private or symmetric key")
    try:
        return PublicKey(_READERS[str(jwk.get("kty"))](jwk))
    except (KeyError, ValueError, UnsupportedAlgorithm) as error:
        raise _bad("it cannot be read") from error


def public_from_spki(spki: bytes) -> PublicKey:
    """The key in a SubjectPublicKeyInfo (DER). Raises `bad-key`."""
    try:
        return PublicKey(load_der_public_key(spki))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _bad("it cannot be read") from error


def _alg_of(key: Any) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _BY_NAME:
        return _BY_NAME[key.curve.name].alg
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA_BITS:
        return "RS256"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "EdDSA"
    raise _bad("its kind or size is not used here")


def _ec(jwk: Mapping[str, object]) -> Any:
    kind = _CURVES[str(jwk["crv"])]
    x, y = (_octets(jwk[each]) for each in ("x", "y"))
    if len(x) != kind.octets or len(y) != kind.octets:  # RFC 7518 §6.2.1.2
        raise ValueError("a coordinate has another length than the curve's")
    return ec.EllipticCurvePublicKey.from_encoded_point(kind.curve, b"\x04" + x + y)


def _rsa(jwk: Mapping[str, object]) -> Any:
    octets = [_octets(jwk[each]) for each in ("n", "e")]
    if any(each[0] == 0 for each in octets):
        raise ValueError("a number begins with an octet of nothing")
    n, e = map(int.from_bytes, octets)
    if n.bit_length() not in _RSA_BITS or e.bit_length() > 64:
        raise ValueError("the modulus or exponent has another size than those that are used")
    return rsa.RSAPublicNumbers(e, n).public_key()


def _okp(jwk: Mapping[str, object]) -> Any:
    if jwk["crv"] != "Ed25519":
        raise ValueError("only Ed25519 signs")
    return ed25519.Ed25519PublicKey.from_public_bytes(_octets(jwk["x"]))


_READERS: Final[Mapping[str, Callable[[Mapping[str, object]], Any]]] = {"EC": _ec, "RSA": _rsa, "OKP": _okp}


def _octets(text: object) -> bytes:
    if not isinstance(text, str) or len(text) > _MAX_MEMBER or not _B64URL.fullmatch(text) or len(text) % 4 == 1:
        raise ValueError("not base64url")
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if base64.urlsafe_b64encode(octets).rstrip(b"=") != text.encode():
        raise ValueError("its last character has bits that belong to nothing")
    return octets


def _bad(fault: str) -> EvercertError:
    return EvercertError(
        "bad-key", f"not a public key that can be used here: {fault}", hint="EC P-256 works everywhere"
    )
