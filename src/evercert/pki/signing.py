"""X.509 signatures: which algorithm goes with a key, and how the key signs.

The one place that signs certificates, CRLs and OCSP responses: a key in a device is asked here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from evercert.pki import der
from evercert.pki.keys import KeyType, PrivateKey

__all__ = ["algorithm_of", "sign_pieces"]

_RSA: Final = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.NULL)  # RFC 4055 §5: NULL stands there

# RFC 5758 §3.2, RFC 8410 §3, RFC 9881 §2: all but RSA's without parameters.
_ALGORITHMS: Final = {
    KeyType.EC256: der.sequence(der.oid("1.2.840.10045.4.3.2")),
    KeyType.EC384: der.sequence(der.oid("1.2.840.10045.4.3.3")),
    KeyType.EC521: der.sequence(der.oid("1.2.840.10045.4.3.4")),
    KeyType.RSA2048: _RSA,
    KeyType.RSA3072: _RSA,
    KeyType.RSA4096: _RSA,
    KeyType.ED25519: der.sequence(der.oid("1.3.101.112")),
    KeyType.MLDSA44: der.sequence(der.oid("2.16.840.1.101.3.4.3.17")),
    KeyType.MLDSA65: der.sequence(der.oid("2.16.840.1.101.3.4.3.18")),
    KeyType.MLDSA87: der.sequence(der.oid("2.16.840.1.101.3.4.3.19")),
}


def algorithm_of(key: PrivateKey) -> bytes:
    """The AlgorithmIdentifier (DER) of the signatures that *key* makes."""
    return _ALGORITHMS[key.type]


def sign_pieces(key: PrivateKey, pieces: Sequence[bytes | bytearray]) -> bytes:
    """The signature of the pieces one after the other, which are put together only for a scheme that has to see all of
    them at once (Ed25519, ML-DSA), and for a token."""
    if key.digest is None or key.is_in_token:
        return key.sign_bytes(b"".join(pieces))
    digest = hashes.Hash(key.digest)
    for piece in pieces:
        digest.update(piece)
    if isinstance(key.crypto, rsa.RSAPrivateKey):
        return key.crypto.sign(digest.finalize(), padding.PKCS1v15(), Prehashed(key.digest))
    return cast(bytes, key.crypto.sign(digest.finalize(), ec.ECDSA(Prehashed(key.digest))))
