"""Buckets of the limits (GCRA): one moment each."""

from __future__ import annotations

from typing import Final

from evercert.ca.store.schema import queries
from evercert.db.protocol import Statement

__all__ = ["arrival", "taken"]

_SQL: Final = queries("limits")


def taken(bucket: str, now: int, cost: int, latest: int) -> Statement:
    """The statement that moves the bucket's arrival time by *cost*, unless it lies behind *latest*: then a conflict."""
    return _SQL["take from bucket"](bucket=bucket, now=now, cost=cost, latest=latest).expecting(1)


def arrival(bucket: str) -> Statement:
    """The statement whose one row, where there is one, is the bucket's arrival time."""
    return _SQL["bucket"](bucket=bucket)
