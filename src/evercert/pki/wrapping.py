"""A secret under a passphrase: scrypt (RFC 7914), then AES-256-GCM.

A wrapped value is `version (1) | salt (16) | nonce (12) | ciphertext`. Trust: whoever has it can try passphrases, each
at the cost of 128 MB and a third of a second.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret

__all__ = ["unwrap", "wrap"]

# The cost belongs to the version: a wrapped value cannot ask for more.
_VERSION: Final = b"\x01"
_COST: Final = 2**17
_SALT, _NONCE = 16, 12
_SHORTEST: Final = 12


def wrap(secret: Secret, passphrase: Secret) -> bytes:
    """Raises `bad-input` for a passphrase that is no hindrance."""
    if len(passphrase.reveal()) < _SHORTEST:
        raise EvercertError("bad-input", f"the passphrase has fewer than {_SHORTEST} characters")
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    return _VERSION + salt + nonce + AESGCM(_key(passphrase, salt)).encrypt(nonce, secret.reveal(), _VERSION)


def unwrap(wrapped: bytes, passphrase: Secret) -> Secret:
    """Raises `sealed` for another passphrase or a changed value."""
    salt, rest = wrapped[1 : 1 + _SALT], wrapped[1 + _SALT :]
    try:
        return Secret(AESGCM(_key(passphrase, salt)).decrypt(rest[:_NONCE], rest[_NONCE:], wrapped[:1]))
    except (InvalidTag, ValueError) as error:
        raise EvercertError("sealed", "it does not open with this passphrase") from error


def _key(passphrase: Secret, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(passphrase.reveal())
