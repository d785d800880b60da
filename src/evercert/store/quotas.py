"""What was used of a CA's limits before the ledger counted, by what else the store remembers."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from evercert.base.clock import to_epoch
from evercert.base.names import Identifier
from evercert.db.protocol import Database, Row
from evercert.store.sql import load_queries

__all__ = ["Use", "ended_since", "used_since"]

_SQL: Final = load_queries("quotas")

# A limit that more than this was used of is used up at every CA that we know.
_MOST = 50_000


class Use(msgspec.Struct, frozen=True):
    """One order: whose, for which names, when (in microseconds), whether it named a predecessor, and whether a
    certificate came of it or still may."""

    account: str
    identifiers: tuple[Identifier, ...]
    at: int
    replaces: bool = False
    certified: bool = True


class _Named(msgspec.Struct, frozen=True):
    """The part of an intent that counts."""

    identifiers: tuple[Identifier, ...]
    ca: str
    account: str = "default"


async def used_since(db: Database, ca: str, since: datetime) -> list[Use]:
    """What was ordered of the CA, by us or by whom we took certificates over from; newest first of each."""
    when = to_epoch(since)
    ours, others = await db.scan(
        _SQL["orders at a ca"](ca=ca, since=when, limit=_MOST),
        _SQL["certificates from elsewhere"](since=when, limit=_MOST),
    )
    imported = [(_named(intent), at) for intent, at in others]
    return [
        *map(_use, ours),
        *(Use(each.account, each.identifiers, at) for each, at in imported if each.ca == ca),
    ]


async def ended_since(db: Database, since: datetime) -> tuple[int, int]:
    """How many orders have ended, and how many of them in vain; of very many the newest."""
    [(ended, in_vain)] = await db.rows(_SQL["how orders ended"](since=to_epoch(since), limit=_MOST))
    return ended, in_vain


def _use(row: Row) -> Use:
    account, intent, at, replaces, status = row
    return Use(account, _named(intent).identifiers, at, bool(replaces), status != "abandoned")


def _named(intent: str) -> _Named:
    return msgspec.json.decode(intent, type=_Named)
