"""Bounding every table: what is over and old enough goes, in small transactions.

Never the current certificate, its chain or its key; never what is installed somewhere; never the
record of something that still stands outside. Safe to run at any time, and beside a worker.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from evercert.base.clock import to_epoch
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Query
from evercert.store import events
from evercert.store.sql import load_queries

__all__ = ["Pruned", "Retention", "prune"]

_BUDGETS: Final = load_queries("budgets")
_ISSUED: Final = load_queries("issued")
_ISSUANCES: Final = load_queries("issuances")
_INCIDENTS: Final = load_queries("incidents")
_KEYS: Final = load_queries("keys")

# A limit that nothing has been drawn from for so long needs no row; until then it says how often a CA said no.
_FULL = timedelta(days=1)

# So many rows go in one transaction, so that writers wait for milliseconds.
_PORTION = 500
# So often it is looked which chains nobody has.
_LOOKS = 5


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long things are kept after they are over.

    `expired`: a superseded certificate after its expiry; `ended`: an issuance (longer than any CA keeps
    an order that could be found again); `unused`: a key that nothing refers to; `event_age`: an
    event, and an incident that is over.
    """

    expired: timedelta = timedelta(days=30)
    ended: timedelta = timedelta(days=30)
    unused: timedelta = timedelta(days=1)
    events: int = 1_000_000
    event_age: timedelta = timedelta(days=400)


class Pruned(msgspec.Struct, frozen=True):
    """How many rows of each kind went."""

    certificates: int
    issuances: int
    keys: int
    chains: int
    events: int
    budgets: int = 0
    incidents: int = 0


async def prune(db: Database, now: datetime, policy: Retention) -> Pruned:
    """Afterwards nothing is kept that the policy gives up. Idempotent; a cancelled run leaves the rest for the next."""
    certificates = await _portions(db, _ISSUED["prune issued"], now - policy.expired)
    issuances = await _portions(db, _ISSUANCES["prune issuances"], now - policy.ended)
    keys = await _portions(db, _KEYS["prune keys"], now - policy.unused)
    chains = await _chains(db)
    gone = await events.prune(db, policy.events, now - policy.event_age)
    budgets = await _portions(db, _BUDGETS["prune budgets"], now - _FULL)
    incidents = await _portions(db, _INCIDENTS["prune incidents"], now - policy.event_age)
    return Pruned(certificates, issuances, keys, chains, gone, budgets, incidents)


async def _chains(db: Database) -> int:
    """How many went. Who keeps a certificate with one of them at this very moment is in the way; then it is looked
    again, and where that goes on, none goes this time."""
    for _ in range(_LOOKS):
        try:
            (rows,) = await db.write(_ISSUED["prune chains"]())
        except EvercertError as error:
            if error.code.name != "conflict":
                raise
        else:
            return len(rows)
    return 0


async def _portions(db: Database, query: Query, before: datetime) -> int:
    """How many rows went, portion by portion."""
    gone = 0
    while True:
        (rows,) = await db.write(query(before=to_epoch(before), limit=_PORTION))
        gone += len(rows)
        if len(rows) < _PORTION:
            return gone
