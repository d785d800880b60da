"""Buckets of the limits (GCRA): one moment each."""

from __future__ import annotations

from typing import Final

from evercert.ca.store.schema import queries
from evercert.db.protocol import Database, Row, Statement

__all__ = ["arrival", "emptiest", "taken"]

_SQL: Final = queries("limits")


def taken(bucket: str, now: int, cost: int, latest: int) -> Statement:
    """The statement that moves the bucket's arrival time by *cost*, unless it lies behind *latest*: then a conflict."""
    return _SQL["take from bucket"](bucket=bucket, now=now, cost=cost, latest=latest).expecting(1)


async def emptiest(db: Database, now: int, about: str, limit: int) -> list[Row]:
    """`(bucket, arrival)` of those that have *about* in their ids, or of all."""
    pattern = about.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return await db.rows(_SQL["emptiest buckets"](now=now, about=f"%{pattern}%" if about else "", limit=limit))


def arrival(bucket: str) -> Statement:
    """The statement whose one row, where there is one, is the bucket's arrival time."""
    return _SQL["bucket"](bucket=bucket)
