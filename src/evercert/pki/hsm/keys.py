"""Keys in a token in the shape of the library's own, so that its X.509 builders sign with them.

What a token does is the bare operation over a digest: hashing stays here, so that a CRL of many megabytes does not
travel to the token (Ed25519 alone hashes inside, RFC 8032 §5.1.6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from evercert.base.errors import EvercertError
from evercert.pki.keys import PrivateKey

__all__ = ["is_signed_by", "key_in_token"]

_Sign = Callable[[bytes], bytes]

# RFC 8017 §9.2, note 1: what stands before a digest of that length (SHA-256, -384, -512) in EMSA-PKCS1-v1_5.
_DIGEST_INFO: Final = {
    32: bytes.fromhex("3031300d060960864801650304020105000420"),
    48: bytes.fromhex("3041300d060960864801650304020205000430"),
    64: bytes.fromhex("3051300d060960864801650304020305000440"),
}


class _StaysInside:
    """What no key in a token does."""

    def private_bytes(self, *_: object, **__: object) -> NoReturn:
        raise EvercertError("bad-key", "a key in a token cannot be taken out of it")

    private_numbers = private_bytes_raw = decrypt = exchange = private_bytes

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _: object) -> Any:
        return self


class _EcKey(_StaysInside, ec.EllipticCurvePrivateKey):
    def __init__(self, public: ec.EllipticCurvePublicKey, sign: _Sign) -> None:
        self._public, self._sign = public, sign

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        raw = self._sign(_digest(data, signature_algorithm.algorithm))
        # PKCS #11 2.40 §2.3.1: r and s, each as long as the curve's order.
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))


class _RsaKey(_StaysInside, rsa.RSAPrivateKey):
    def __init__(self, public: rsa.RSAPublicKey, sign: _Sign) -> None:
        self._public, self._sign = public, sign

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def public_key(self) -> rsa.RSAPublicKey:
        return self._public

    def sign(self, data: Any, padding: Any, algorithm: Any) -> bytes:
        digest = _digest(data, algorithm)
        if not isinstance(padding, _PKCS1) or len(digest) not in _DIGEST_INFO:
            raise EvercertError("bad-key", "an RSA key in a token signs with PKCS #1 v1.5 and SHA-2")
        return self._sign(_DIGEST_INFO[len(digest)] + digest)


class _Ed25519Key(_StaysInside, ed25519.Ed25519PrivateKey):
    def __init__(self, public: ed25519.Ed25519PublicKey, sign: _Sign) -> None:
        self._public, self._sign = public, sign

    def public_key(self) -> ed25519.Ed25519PublicKey:
        return self._public

    def sign(self, data: Any) -> bytes:
        return self._sign(bytes(data))


_PKCS1 = padding.PKCS1v15
_SHAPES: Final[tuple[tuple[type, Callable[[Any, _Sign], Any]], ...]] = (
    (ec.EllipticCurvePublicKey, _EcKey),
    (rsa.RSAPublicKey, _RsaKey),
    (ed25519.Ed25519PublicKey, _Ed25519Key),
)


def key_in_token(public: Any, sign: _Sign) -> PrivateKey:
    """The key whose public half is *public*. *sign* is given a digest for ECDSA, a DigestInfo for RSA, the message
    for Ed25519, and returns what the token returns. Raises `bad-key` for a size or curve that is not used here."""
    shape = next(shape for kind, shape in _SHAPES if isinstance(public, kind))
    return PrivateKey(shape(public, sign), is_in_token=True)


def _digest(data: Any, algorithm: Any) -> bytes:
    if isinstance(algorithm, Prehashed):
        return bytes(data)
    computing = hashes.Hash(algorithm)
    computing.update(data)
    return computing.finalize()


def is_signed_by(key: PrivateKey, signature: bytes, data: bytes) -> bool:
    """Whether *signature* over *data* is one that the public half of *key* verifies."""
    try:
        key.crypto.public_key().verify(signature, data, *_scheme(key))
    except InvalidSignature:
        return False
    return True


def _scheme(key: PrivateKey) -> tuple[Any, ...]:
    """What `verify` takes besides signature and message."""
    digest: Any = key.digest
    if isinstance(key.crypto, ec.EllipticCurvePrivateKey):
        return (ec.ECDSA(digest),)
    return (padding.PKCS1v15(), digest) if isinstance(key.crypto, rsa.RSAPrivateKey) else ()
