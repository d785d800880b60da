"""The keys of accounts, as what verifies and compares with them."""

from __future__ import annotations

from functools import lru_cache

from evercert.ca.nouns import Account
from evercert.pki.public import PublicKey, public_from_jwk

__all__ = ["key_of"]


def key_of(account: Account) -> PublicKey:
    """What verifies the account's requests."""
    return _key(tuple(account.jwk.items()))


@lru_cache(maxsize=4096)
def _key(members: tuple[tuple[str, str], ...]) -> PublicKey:
    """The key with those members. An account asks six times or more for each certificate, always with the same one."""
    return public_from_jwk(dict(members))
