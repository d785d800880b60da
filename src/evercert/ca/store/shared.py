"""Secrets that all nodes share, sealed; and the nonces that were used, where several nodes take each other's."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from evercert.base.clock import to_epoch
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database

__all__ = ["add", "burn", "find"]

_SQL: Final = queries("secrets")


async def find(db: Database, name: str) -> bytes | None:
    rows = await db.rows(_SQL["secret"](name=name))
    return rows[0][0] if rows else None


async def add(db: Database, name: str, sealed: bytes) -> None:
    """Afterwards there is one of that name: this one, or the one that was written before."""
    await db.write(_SQL["add secret"](name=name, sealed=sealed))


async def burn(db: Database, nonce: str, expires_at: datetime) -> bool:
    """Afterwards the nonce is used; False if it was before."""
    (rows,) = await db.write(_SQL["burn nonce"](nonce=nonce, expires_at=to_epoch(expires_at)))
    return bool(rows)
