"""What all nodes of a CA share and nobody else may know: drawn by the first node, sealed in the store."""

from __future__ import annotations

from random import Random
from typing import Final

from evercert.base.secret import Secret
from evercert.ca.store import shared
from evercert.db.protocol import Database
from evercert.pki.seal import Sealer

__all__ = ["nonce_key"]

_NONCES: Final = "nonces"


async def nonce_key(db: Database, sealer: Sealer, rng: Random) -> Secret:
    """The key that nonces are made with. Idempotent; of two nodes that start at once, one draws it."""
    return await _secret(db, sealer, rng, _NONCES)


async def _secret(db: Database, sealer: Sealer, rng: Random, name: str) -> Secret:
    sealed = await shared.find(db, name)
    if sealed is None:
        await shared.add(db, name, sealer.seal(rng.randbytes(32), f"shared secret {name}"))
        sealed = await shared.find(db, name)
    return sealer.open(sealed or b"", f"shared secret {name}")
