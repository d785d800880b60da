"""Private keys: made, read, written, and signing for JOSE (RFC 7518, RFC 8037).

Rules of this file:

* A key leaves it as a `Secret` or not at all.
* Whatever is read is bounded before it is parsed, and only `EvercertError` comes out.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.pki.key_type import KeyType

__all__ = ["KeyType", "PrivateKey", "generate", "key_from_jwk", "load_der", "load_pem"]

_Digest = hashes.SHA256 | hashes.SHA384 | hashes.SHA512

_MAX_KEY = 64 * 1024
_EXPONENT = 65537


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is true of a key type: how one is made, and how it signs in JOSE ("" if it does not)."""

    make: Callable[[], Any]
    jws_alg: str = ""
    curve: str = ""
    coordinate: int = 0
    digest: _Digest | None = None
    ecdsa: ec.ECDSA | None = None


def _ec(curve: ec.EllipticCurve, jws_alg: str, name: str, coordinate: int, digest: _Digest) -> _Kind:
    return _Kind(lambda: ec.generate_private_key(curve), jws_alg, name, coordinate, digest, ec.ECDSA(digest))


def _rsa(bits: int) -> _Kind:
    return _Kind(lambda: rsa.generate_private_key(_EXPONENT, bits), "RS256", digest=hashes.SHA256())


_KINDS: Final[Mapping[KeyType, _Kind]] = {
    KeyType.EC256: _ec(ec.SECP256R1(), "ES256", "P-256", 32, hashes.SHA256()),
    KeyType.EC384: _ec(ec.SECP384R1(), "ES384", "P-384", 48, hashes.SHA384()),
    KeyType.EC521: _ec(ec.SECP521R1(), "ES512", "P-521", 66, hashes.SHA512()),
    KeyType.RSA2048: _rsa(2048),
    KeyType.RSA3072: _rsa(3072),
    KeyType.RSA4096: _rsa(4096),
    KeyType.ED25519: _Kind(ed25519.Ed25519PrivateKey.generate, "EdDSA", "Ed25519", 32),
    KeyType.MLDSA44: _Kind(mldsa.MLDSA44PrivateKey.generate),
    KeyType.MLDSA65: _Kind(mldsa.MLDSA65PrivateKey.generate),
    KeyType.MLDSA87: _Kind(mldsa.MLDSA87PrivateKey.generate),
}

_CURVES: Final = {kind.curve: key_type for key_type, kind in _KINDS.items() if kind.curve}
_LATTICES: Final = {
    mldsa.MLDSA44PrivateKey: KeyType.MLDSA44,
    mldsa.MLDSA65PrivateKey: KeyType.MLDSA65,
    mldsa.MLDSA87PrivateKey: KeyType.MLDSA87,
}


class PrivateKey:
    """A private key of a type that we use. It shows its private half only as a `Secret`.

    One that `is_in_token` (see `pki.hsm`) never shows it, and whoever signs with it waits for the token: so they
    sign in a thread.
    """

    def __init__(self, key: Any, *, is_in_token: bool = False) -> None:
        self.type = _type_of(key)
        self.is_in_token = is_in_token
        self._key = key
        self._kind = _KINDS[self.type]

    def __repr__(self) -> str:
        return f"PrivateKey({self.type.value})"

    @property
    def crypto(self) -> Any:
        """The library's own object, for this room alone."""
        return self._key

    @cached_property
    def spki(self) -> bytes:
        """The public key as SubjectPublicKeyInfo (DER)."""
        return cast(bytes, self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    @property
    def digest(self) -> _Digest | None:
        """The hash that goes with the key in X.509 signatures; None where the scheme has its own."""
        return self._kind.digest

    @property
    def jws_alg(self) -> str:
        """RFC 7518 §3.1, RFC 8037; raises `bad-key` for a type that no CA takes as an account key."""
        if alg := self._kind.jws_alg:
            return alg
        raise EvercertError(
            "bad-key",
            f"an account key cannot be of type {self.type.value}",
            hint="use ec256, or rsa2048 where a CA wants RSA",
        )

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public key as a JWK (RFC 7517) with nothing but its required members."""
        public, kind = self._key.public_key(), self._kind
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        if isinstance(public, ec.EllipticCurvePublicKey):
            point = public.public_numbers()
            x, y = (_number(each, kind.coordinate) for each in (point.x, point.y))
            return {"kty": "EC", "crv": kind.curve, "x": x, "y": y}
        if isinstance(public, ed25519.Ed25519PublicKey):
            return {"kty": "OKP", "crv": kind.curve, "x": _b64(public.public_bytes_raw())}
        raise EvercertError("bad-key", f"a key of type {self.type.value} has no JWK that a CA knows")

    def sign_bytes(self, data: bytes) -> bytes:
        """The signature as X.509 carries it: for ECDSA r and s in DER (RFC 5480), PKCS #1 v1.5 for RSA, as it is
        for EdDSA and ML-DSA. A key that `is_in_token` waits for its token: never on an event loop."""
        kind = self._kind
        if kind.ecdsa is not None:
            return cast(bytes, self._key.sign(data, kind.ecdsa))
        if kind.digest is not None:
            return cast(bytes, self._key.sign(data, padding.PKCS1v15(), kind.digest))
        return cast(bytes, self._key.sign(data))

    def sign_jws(self, data: bytes) -> bytes:
        """The JWS signature: r || s for ECDSA (RFC 7518 §3.4), and `sign_bytes` for all others."""
        signature, kind = self.sign_bytes(data), self._kind
        if kind.ecdsa is None:
            return signature
        (r, s), length = decode_dss_signature(signature), kind.coordinate
        return r.to_bytes(length, "big") + s.to_bytes(length, "big")

    def to_pem(self) -> Secret:
        """PKCS #8, PEM, not encrypted."""
        return self._written(Encoding.PEM)

    def to_der(self) -> Secret:
        """PKCS #8, DER, not encrypted."""
        return self._written(Encoding.DER)

    def _written(self, encoding: Encoding) -> Secret:
        return Secret(self._key.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption()))


def generate(key_type: KeyType) -> PrivateKey:
    """A new key. RSA takes a tenth of a second and more, but lets other threads run meanwhile."""
    return PrivateKey(_KINDS[key_type].make())


def load_pem(data: bytes, password: Secret | None = None) -> PrivateKey:
    """The key in a PEM text (PKCS #8, PKCS #1 or SEC 1; perhaps encrypted). Raises `bad-key`."""
    secret = password.reveal() if password else None
    return _read(data, lambda: load_pem_private_key(data, secret))


def load_der(data: bytes, *, trusted: bool = False) -> PrivateKey:
    """The key in PKCS #8 DER. Raises `bad-key`.

    *trusted* is for keys that we sealed ourselves: it skips the check of an RSA key's numbers,
    which takes 40 ms and keeps every other thread from running.
    """
    return _read(data, lambda: load_der_private_key(data, None, unsafe_skip_rsa_key_validation=trusted))


def key_from_jwk(jwk: Mapping[str, str]) -> PrivateKey:
    """The key in a private JWK (RFC 7518 §6, RFC 8037 §2), as certbot keeps account keys. Raises `bad-key`."""
    return _read(b"", lambda: _JWK_READERS[str(jwk.get("kty"))](jwk))


def _read(data: bytes, load: Callable[[], Any]) -> PrivateKey:
    if len(data) > _MAX_KEY:
        raise EvercertError("bad-key", f"a private key has no more than {_MAX_KEY} bytes")
    try:
        return PrivateKey(load())
    except TypeError as error:
        # The library says so where a password is missing, or given for a key that has none.
        raise EvercertError(
            "bad-key", "the key is encrypted, and no password was given (or it is not, and one was)"
        ) from error
    except (ValueError, KeyError, AttributeError, OverflowError, UnsupportedAlgorithm) as error:
        # The library's words could quote the key; ours do not.
        raise EvercertError(
            "bad-key", "not a private key that can be used", hint="PEM: PKCS #8, PKCS #1 or SEC 1"
        ) from error


def _type_of(key: Any) -> KeyType:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        curve = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}.get(key.curve.name, "")
        if curve in _CURVES:
            return _CURVES[curve]
    if isinstance(key, rsa.RSAPrivateKey):
        for bits in (2048, 3072, 4096):
            if key.key_size == bits:
                return KeyType(f"rsa{bits}")
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return KeyType.ED25519
    for kind, key_type in _LATTICES.items():
        if isinstance(key, kind):
            return key_type
    size = f" of {key.key_size} bits" if hasattr(key, "key_size") else ""
    raise EvercertError(
        "bad-key", f"a key of this kind{size} is not used here", hint=f"one of {', '.join(t.value for t in KeyType)}"
    )


def _ec_from_jwk(jwk: Mapping[str, str]) -> Any:
    curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
    public = ec.EllipticCurvePublicNumbers(_from_b64(jwk["x"]), _from_b64(jwk["y"]), curves[str(jwk["crv"])])
    return ec.EllipticCurvePrivateNumbers(_from_b64(jwk["d"]), public).private_key()


def _rsa_from_jwk(jwk: Mapping[str, str]) -> Any:
    n, e, d, p, q, dp, dq, qi = (_from_b64(jwk[each]) for each in ("n", "e", "d", "p", "q", "dp", "dq", "qi"))
    return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, rsa.RSAPublicNumbers(e, n)).private_key()


def _okp_from_jwk(jwk: Mapping[str, str]) -> Any:
    if jwk["crv"] != "Ed25519":
        raise ValueError("only Ed25519 signs")
    return ed25519.Ed25519PrivateKey.from_private_bytes(_octets(jwk["d"]))


_JWK_READERS: Final[Mapping[str, Callable[[Mapping[str, str]], Any]]] = {
    "EC": _ec_from_jwk,
    "RSA": _rsa_from_jwk,
    "OKP": _okp_from_jwk,
}


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int, length: int = 0) -> str:
    return _b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def _octets(text: object) -> bytes:
    if not isinstance(text, str) or len(text) > _MAX_KEY:
        raise ValueError("no text, or too long")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _from_b64(text: object) -> int:
    return int.from_bytes(_octets(text), "big")
