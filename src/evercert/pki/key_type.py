"""What a key is, apart from the library that makes keys: who only names a type does not pay for X.509."""

from __future__ import annotations

from enum import Enum
from typing import Final

__all__ = ["ACCOUNT_KEYS", "KeyType"]


class KeyType(Enum):
    """The values are the words of the command line and the store."""

    EC256 = "ec256"
    EC384 = "ec384"
    EC521 = "ec521"
    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"
    ED25519 = "ed25519"
    MLDSA44 = "mldsa44"
    MLDSA65 = "mldsa65"
    MLDSA87 = "mldsa87"


# What may sign for an account: CAs take no post-quantum JWS (RFC 7518, RFC 8037).
ACCOUNT_KEYS: Final = tuple(each.value for each in KeyType if not each.value.startswith("mldsa"))
