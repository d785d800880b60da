"""Work that one node does for all. A lease spares the others the work, and guards nothing: whoever is late may have
been overtaken, so what he writes is guarded by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from evercert.base.clock import to_epoch
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database

__all__ = ["give_back", "take"]

_SQL: Final = queries("leases")


async def take(db: Database, name: str, holder: int, now: datetime, until: datetime) -> bool:
    """Whether the work is the holder's now, until then at most; again for one who has it and wants it for longer."""
    (rows,) = await db.write(_SQL["take lease"](name=name, holder=holder, now=to_epoch(now), until=to_epoch(until)))
    return bool(rows)


async def give_back(db: Database, name: str, holder: int) -> None:
    """Afterwards another may take it. Idempotent."""
    await db.write(_SQL["give lease back"](name=name, holder=holder))
