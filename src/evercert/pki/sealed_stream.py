"""Much, sealed piece by piece: nobody has to hold all of it, and whoever opens it learns of a change, of a piece that
is missing, moved or added, and of an end that was cut off.

Each piece is AES-256-GCM with a nonce of `prefix (7) | number (4) | whether it is the last (1)`, as in Hoang,
Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance" (STREAM).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret

__all__ = ["KEY_OCTETS", "opened", "sealed"]

KEY_OCTETS: Final = 32
_PIECE: Final = 1 << 20
_TAG: Final = 16
# The key is drawn for one stream, so the prefix need not be.
_PREFIX: Final = bytes(7)


def sealed(chunks: Iterable[bytes], key: Secret, about: bytes) -> Iterator[bytes]:
    """The pieces; *key* is for this stream alone, *about* is authenticated with each of them."""
    cipher = AESGCM(key.reveal())
    number, held = 0, b""
    for piece in _even(chunks):
        if number or held:
            yield cipher.encrypt(_nonce(number - 1, last=False), held, about)
        held, number = piece, number + 1
    yield cipher.encrypt(_nonce(max(number - 1, 0), last=True), held, about)


def opened(file: BinaryIO, key: Secret, about: bytes) -> Iterator[bytes]:
    """What was sealed, from where *file* stands to its end. Raises `sealed` as soon as something is not right; what
    came before that is right, but not all."""
    cipher = AESGCM(key.reveal())
    number, piece = 0, file.read(_PIECE + _TAG)
    while True:
        following = file.read(_PIECE + _TAG)
        try:
            yield cipher.decrypt(_nonce(number, last=not following), piece, about)
        except (InvalidTag, ValueError) as error:
            raise EvercertError("sealed", "it was changed or cut off, or the key is another one") from error
        if not following:
            return
        number, piece = number + 1, following


def _nonce(number: int, *, last: bool) -> bytes:
    return _PREFIX + number.to_bytes(4) + bytes([last])


def _even(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same octets in pieces of one size, the last one perhaps shorter."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= _PIECE:
            yield bytes(held[:_PIECE])
            del held[:_PIECE]
    if held:
        yield bytes(held)
