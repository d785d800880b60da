"""Who was given what, refused what, and what operators did: appended, never changed, each record chained to the last.

Trust: whoever can write the database can cut off the newest records or compute a whole new chain; against that, keep
what `head` says somewhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from evercert.base.clock import to_epoch
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database, Row, Statement
from evercert.store.columns import to_text

__all__ = ["after", "anchor", "appended", "head"]

_SQL: Final = queries("audit")


def appended(kind: str, body: Mapping[str, object], now: datetime) -> Statement:
    """The statement that writes the record, for the transaction in which it happens. No secret may be in *body*."""
    return _SQL["append record"](at=to_epoch(now), kind=kind, body=to_text(body))


async def anchor(db: Database) -> tuple[int, str]:
    """Number and hash of the last record that retention has taken away; 0 and "" at first."""
    ((number, digest),) = await db.rows(_SQL["audit anchor"]())
    return number, digest


async def after(db: Database, number: int, limit: int = 1000) -> list[Row]:
    """`(id, at, kind, body, hash)` of a portion of those behind the one of that number, in order."""
    return await db.rows(_SQL["records after"](id=number, limit=limit))


async def head(db: Database) -> tuple[int, str]:
    """Number and hash of the newest record."""
    ((number, digest),) = await db.rows(_SQL["newest record"]())
    return number, digest
