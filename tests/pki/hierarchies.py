"""Hierarchies of our own making: a root, an intermediate below it, and leaves to sign, for every type of key."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from evercert.base.names import parse_identifiers
from evercert.pki.hierarchy import Intermediate, make_intermediate, make_root
from evercert.pki.issuing import Leaf, new_serial
from evercert.pki.keys import KeyType, PrivateKey, generate
from evercert.pki.signer import Signer

__all__ = ["KEY_TYPES", "NOW", "YEAR", "Hierarchy", "hierarchy", "intermediate_of", "key_of", "leaf_of"]

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
KEY_TYPES = tuple(KeyType)

# Tests may be drawn again with the same numbers; nothing here is a secret.
_RNG = random.Random(5)


@dataclass(frozen=True)
class Hierarchy:
    root: Signer
    issuing: Signer

    @property
    def chain(self) -> list[bytes]:
        return [self.issuing.certificate, self.root.certificate]


def key_of(key_type: KeyType, which: str = "") -> PrivateKey:
    """One for each type and word; of the large RSA keys, which take seconds to make, one for all words."""
    return _made(key_type, "" if key_type in {KeyType.RSA3072, KeyType.RSA4096} else which)


@cache
def _made(key_type: KeyType, which: str) -> PrivateKey:
    return generate(key_type)


@cache
def hierarchy(key_type: KeyType = KeyType.EC256, name: str = "Test") -> Hierarchy:
    root_key, issuing_key = key_of(key_type, f"{name} root"), key_of(key_type, f"{name} issuing")
    certificate = make_root(
        root_key,
        (("O", name), ("CN", f"{name} Root {key_type.value}")),
        serial=new_serial(_RNG),
        not_before=NOW - YEAR,
        not_after=NOW + 30 * YEAR,
    )
    root = Signer(certificate, root_key)
    return Hierarchy(root, Signer(make_intermediate(intermediate_of(issuing_key, name=name), root), issuing_key))


def intermediate_of(key: PrivateKey, *, name: str = "Test", **more: Any) -> Intermediate:
    fields: dict[str, Any] = {
        "serial": new_serial(_RNG),
        "spki": key.spki,
        "subject": (("O", name), ("CN", f"{name} Issuing {key.type.value}")),
        "not_before": NOW - YEAR,
        "not_after": NOW + 5 * YEAR,
        "crl_urls": ("http://crl.test/root.crl",),
        "issuer_urls": ("http://ca.test/root.crt",),
    }
    return Intermediate(**(fields | more))


def leaf_of(key: PrivateKey, *names: str, **more: Any) -> Leaf:
    fields: dict[str, Any] = {
        "serial": new_serial(_RNG),
        "spki": key.spki,
        "identifiers": parse_identifiers(names or ("www.example.test",)),
        "not_before": NOW - timedelta(hours=1),
        "not_after": NOW + timedelta(days=6),
        "crl_urls": ("http://crl.test/1.crl",),
        "issuer_urls": ("http://ca.test/issuing.crt",),
    }
    return Leaf(**(fields | more))
