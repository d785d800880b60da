"""What somebody who watches a node is told of its store: cheap to ask, however much is in it."""

from __future__ import annotations

from typing import Final

from evercert.ca.store.schema import queries
from evercert.db.protocol import Database, Row

__all__ = ["sights"]

_SQL: Final = queries("watching")


async def sights(db: Database) -> tuple[int, list[Row]]:
    """Octets of the database; `(issuer, delta, oldest this_update, earliest next_update, entries)` of the lists."""
    size, lists = await db.read(_SQL["size"](), _SQL["lists"]())
    return size[0][0], lists
