"""Keys whose private half is known: those of CVE-2008-0166 (Debian), of shared moduli, of firmware and of handbooks.

The list is in the format of badkeys (docs/BLOCKLISTFORMAT.md there): sorted blocks of sixteen octets, the first fifteen
of the SHA-256 of the number that makes the key and one that says from which collection it comes. It is too large to be
shipped (two million Debian keys alone), so an operator names a file. Whoever can change that file can have a good key
refused, or a known one accepted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from evercert.base.errors import EvercertError

__all__ = ["Blocklist", "KnownKey"]

_BLOCK: Final = 16
_HASH: Final = 15

KnownKey = (
    rsa.RSAPublicKey
    | ec.EllipticCurvePublicKey
    | ed25519.Ed25519PublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
)


class _Blocks(Sequence[bytes]):
    """The hashes in a list, by number."""

    def __init__(self, data: memoryview) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data) // _BLOCK

    def __getitem__(self, index: int) -> bytes:  # type: ignore[override]  # no slices are asked for
        return bytes(self._data[index * _BLOCK : index * _BLOCK + _HASH])


class Blocklist:
    """A list in memory, or a file mapped to it. Looking a key up reads some twenty blocks."""

    def __init__(self, data: memoryview | bytes, collections: Mapping[int, str] | None = None) -> None:
        if len(data) % _BLOCK:
            raise EvercertError("bad-input", f"not a list of known keys: its length is no multiple of {_BLOCK}")
        self._data = memoryview(data)
        self._blocks = _Blocks(self._data)
        self._collections = collections or {}

    def __len__(self) -> int:
        return len(self._blocks)

    def collection(self, key: KnownKey) -> str:
        """The collection that holds the key, or "" for a key that is not on the list."""
        digest = sha256(_number(key)).digest()[:_HASH]
        at = bisect_left(self._blocks, digest)
        if at == len(self._blocks) or self._blocks[at] != digest:
            return ""
        number = self._data[at * _BLOCK + _HASH]
        return self._collections.get(number, f"collection {number}")


def _number(key: KnownKey) -> bytes:
    """What is hashed: modulus, x coordinate or octets as a number without leading zeros; an ML-DSA key as it is."""
    if isinstance(key, rsa.RSAPublicKey):
        return _octets(key.public_numbers().n)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _octets(key.public_numbers().x)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key.public_bytes_raw().lstrip(b"\0")
    return key.public_bytes_raw()


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)
