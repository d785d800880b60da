"""Names that an account fails to prove, again and again: how often in a row, and since when it is not tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from evercert.base.clock import to_epoch
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database, Statement
from evercert.store.columns import moment

__all__ = ["Paused", "counted", "forgotten", "newest", "paused"]

_SQL: Final = queries("pauses")


@dataclass(frozen=True, slots=True)
class Paused:
    account_id: int
    identifier: str
    failures: int
    paused_at: datetime


def counted(account_id: int, identifier: str, most: int, now: datetime) -> Statement:
    """The statement that counts one more failure, and pauses the name where *most* came in a row."""
    return _SQL["count failure"](account_id=account_id, identifier=identifier, most=most, now=to_epoch(now))


def forgotten(account_id: int, identifier: str) -> Statement:
    """The statement after which nothing is remembered; returns a row where there was something."""
    return _SQL["forget failures"](account_id=account_id, identifier=identifier)


def paused(account_id: int, identifier: str) -> Statement:
    """The statement whose one row, where there is one, is how many failures it took, and since when it is paused."""
    return _SQL["paused"](account_id=account_id, identifier=identifier)


async def newest(db: Database, limit: int, account_id: int = 0) -> list[Paused]:
    """Those that are paused, of one account where one is named."""
    rows = await db.rows(_SQL["all paused"](account_id=account_id, limit=limit))
    return [Paused(account, name, failures, moment(since)) for account, name, failures, since in rows]
