"""Sealing: what is kept in the store so that the store alone is worth nothing.

A sealed value is `version (1) | nonce (12) | wrapped data key (48) | nonce (12) | ciphertext`: each
value has a data key of its own (AES-256-GCM), wrapped by the master key, so that a new master
key re-wraps 48 bytes and not the world. The context is authenticated with both.

Trust: whoever has the master key opens everything; whoever can write sealed values can exchange
two of the same context and nothing else.
"""

from __future__ import annotations

import base64
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret

__all__ = ["Sealer", "new_master_key"]

_VERSION: Final = b"\x01"
_KEY, _NONCE, _TAG = 32, 12, 16
_WRAPPED = _NONCE + _KEY + _TAG


def new_master_key() -> Secret:
    """A new master key: 32 random octets, as base64 text, which survives editors and credential stores."""
    return Secret(base64.b64encode(os.urandom(_KEY)))


class Sealer:
    """Seals and opens with one master key. Safe to use from many threads."""

    def __init__(self, master_key: Secret) -> None:
        self._master = AESGCM(_octets(master_key))

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """*plaintext*, sealed for that *context*; twice the same gives two different values."""
        data_key, about = os.urandom(_KEY), _VERSION + context.encode()
        wrap_nonce, nonce = os.urandom(_NONCE), os.urandom(_NONCE)
        wrapped = self._master.encrypt(wrap_nonce, data_key, about)
        return _VERSION + wrap_nonce + wrapped + nonce + AESGCM(data_key).encrypt(nonce, plaintext, about)

    def open(self, blob: bytes, context: str) -> Secret:
        """What was sealed for that *context*. Raises `sealed` for another key, context or a changed value."""
        about, rest = blob[:1] + context.encode(), blob[1:]
        wrapped, nonce, ciphertext = rest[:_WRAPPED], rest[_WRAPPED : _WRAPPED + _NONCE], rest[_WRAPPED + _NONCE :]
        try:
            data_key = self._master.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], about)
            return Secret(AESGCM(data_key).decrypt(nonce, ciphertext, about))
        except (InvalidTag, ValueError) as error:
            raise EvercertError(
                "sealed",
                "a sealed secret does not open with this master key",
                hint="is EVERCERT_MASTER_KEY the key that this store was made with?",
            ) from error


def _octets(master_key: Secret) -> bytes:
    try:
        key = base64.b64decode(master_key.reveal().strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY:
        raise EvercertError("sealed", "the master key is not 32 octets in base64", hint="restore it from your backup")
    return key
