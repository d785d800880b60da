"""What was used of a CA's limits lately, by our own books."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from evercert.base.clock import to_epoch
from evercert.base.names import Identifier
from evercert.db.protocol import Database
from evercert.store.columns import moment, moment_or_none
from evercert.store.sql import load_queries

__all__ = ["Use", "issued_since", "orders_since"]

_SQL: Final = load_queries("quotas")

# A limit that more than this was used of is used up at every CA that we know.
_MOST = 50_000


class Use(msgspec.Struct, frozen=True):
    """One certificate that was issued: the names that it counts for, and when."""

    identifiers: tuple[Identifier, ...]
    at: datetime


class _Named(msgspec.Struct, frozen=True):
    """The part of an intent that counts."""

    identifiers: tuple[Identifier, ...]


async def issued_since(db: Database, ca: str, since: datetime) -> list[Use]:
    """What the CA issued to us, newest first."""
    [rows] = await db.scan(_SQL["issued since"](ca=ca, since=to_epoch(since), limit=_MOST))
    return [Use(msgspec.json.decode(intent, type=_Named).identifiers, moment(at)) for _, intent, at in rows]


async def orders_since(db: Database, account_id: int, since: datetime) -> tuple[int, datetime | None]:
    """How many orders the account placed, and when the oldest of them was."""
    [[(count, oldest)]] = await db.scan(_SQL["orders since"](account_id=account_id, since=to_epoch(since)))
    return count, moment_or_none(oldest)
