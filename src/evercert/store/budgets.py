"""The ledger of CAs' limits: one row for each bucket that is not full, shared by all nodes.

Rules of this file:

* It stores what `engine.limits.budget` reckons, in whole microseconds, and decides nothing.
* Drawing is one guarded statement, for the transaction of what it pays for: of racing nodes as many win as there is
  room for. Whoever draws from several buckets does so in the order of their keys, so that no two wait for each other.

Trust: whoever can change this can have us ask a CA too often, or hold orders back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import msgspec

from evercert.base.clock import to_epoch
from evercert.db.protocol import Database, Row, Statement
from evercert.model.event import LimitLearned
from evercert.store import events
from evercert.store.sql import load_queries

__all__ = [
    "Bucket",
    "Reserved",
    "at",
    "buckets",
    "charge",
    "doubt",
    "draw",
    "forgive",
    "given_back",
    "has_room",
    "is_known",
    "learn",
    "overridden",
    "queue",
    "reserved_anew",
    "seed",
]

_SQL: Final = load_queries("budgets")
# Whoever draws from a bucket does not ask as well whether it has room.
_NO_ROOM: Final = replace(_SQL["no room"], apart=True)

Key = tuple[str, str, str]


class Reserved(msgspec.Struct, frozen=True):
    """So many microseconds of a bucket that are not used before a certificate is issued."""

    key: Key
    span: int


class Bucket(msgspec.Struct, frozen=True):
    """What is known of one limit's use: moments in microseconds, zero for none. `key` is the CA's directory, what it
    counts by and for whom; `urgent_tail` the last moment that was given to an urgent one that waits."""

    key: Key
    tat: int = 0
    learned_until: int = 0
    refusals: int = 0
    urgent_tail: int = 0


def draw(key: Key, *, now: int, span: int, latest: int) -> Statement:
    """The statement that moves the bucket's arrival time on by *span*, if it is not after *latest* and the CA has not
    said no; guarded."""
    return _SQL["draw"](**_where(key), now=now, span=span, first=now + span, latest=latest).expecting(1)


def has_room(key: Key, *, now: int, latest: int, behind: int) -> Statement:
    """The guard that something might be drawn, and that no urgent one is given a moment after *behind*; it draws
    nothing."""
    return _NO_ROOM(**_where(key), now=now, latest=latest, behind=behind).expecting(0)


def charge(key: Key, *, now: int, span: int) -> Statement:
    """The statement that moves the arrival time on, whatever it is."""
    return _SQL["charge"](**_where(key), now=now, span=span, first=now + span)


def given_back(issuance_id: int) -> Statement:
    """The statement that takes arrival times back by what was reserved for an issuance in vain; for the transaction in
    which it is given up, and so once."""
    return _SQL["give back"](issuance_id=issuance_id)


def forgive(key: Key, *, now: int) -> Statement:
    """The statement after which the bucket is full, but for what the CA itself said."""
    return _SQL["forgive"](**_where(key), now=now)


async def buckets(db: Database, keys: Sequence[Key]) -> list[Bucket]:
    """What is known of each, in that order, from one snapshot."""
    found = await db.read(*(_SQL["bucket"](**_where(key)) for key in keys)) if keys else []
    return [_bucket(rows[0]) if rows else Bucket(key) for key, rows in zip(keys, found, strict=True)]


async def at(db: Database, ca: str) -> list[Bucket]:
    """All of that CA's."""
    [rows] = await db.scan(_SQL["buckets of a ca"](ca=ca))
    return [_bucket(row) for row in rows]


async def is_known(db: Database, ca: str) -> bool:
    """Whether anything was counted there."""
    return bool(await db.rows(_SQL["any bucket of a ca"](ca=ca)))


def overridden(ca: str, scope: str, *, now: int, steps: tuple[int, int], most: int) -> tuple[Statement, Statement]:
    """The statements after which a token of these buckets comes back in the second of *steps*, no longer in the first:
    as many are drawn as before, or all of the *most* that there are now, and no moment is given out."""
    before, after = steps
    return (
        _SQL["override"](ca=ca, scope=scope, now=now, before=before, after=after),
        _SQL["no more than all"](ca=ca, scope=scope, now=now, all=most * after),
    )


def reserved_anew(ca: str, scope: str, *, now: int, steps: tuple[int, int], most: int) -> Statement:
    """The statement after which issuances that come to nothing give back what they reserved in the second of *steps*;
    before those of `overridden`, which it must find the buckets as before. Of a bucket from which more than *most* was
    drawn, nothing is given back."""
    before, after = steps
    full = now + most * before
    return _SQL["override reserved"](ca=ca, scope=scope, before=before, after=after, full=full)


async def queue(
    db: Database, key: Key, room: int, span: int, last: int, *, urgent: bool, doublings: int = 0
) -> int | None:
    """A moment of its own for one more that waits: *room* is the first at which there is room, *span* how far apart
    those that wait are; with each span after *room* twice as many come in one, until there were so many *doublings*.
    None where those until *last* are given out. The *urgent* ones have a queue of their own."""
    query = _SQL["queue urgently"] if urgent else _SQL["queue"]
    [rows] = await db.write(query(**_where(key), room=room, span=span, last=last, doublings=doublings))
    return rows[0][0] if rows else None


async def learn(db: Database, known: Sequence[Bucket], event: LimitLearned, now: datetime) -> None:
    """Afterwards nothing is drawn from these before their `learned_until`, by any node; what was learned before stays
    where it is later."""
    learned = [
        _SQL["learn"](**_where(each.key), tat=each.tat, until=each.learned_until, refusals=each.refusals)
        for each in sorted(known, key=lambda each: each.key)
    ]
    await db.write(*learned, events.appended(event, now))


async def doubt(db: Database, ca: str, now: datetime) -> None:
    """Afterwards what the CA has said of its limits keeps nobody from asking it once more; what we count ourselves
    stays. Idempotent."""
    await db.write(_SQL["doubt what was learned"](ca=ca, now=to_epoch(now)))


async def seed(db: Database, known: Sequence[Bucket]) -> None:
    """Afterwards these are counted on; one that is known already stays as it is."""
    await db.write(*(_SQL["seed bucket"](**_where(each.key), tat=each.tat) for each in known))


def _where(key: Key) -> dict[str, str]:
    return dict(zip(("ca", "scope", "subject"), key, strict=True))


def _bucket(row: Row) -> Bucket:
    ca, scope, subject, *known = row
    return Bucket((ca, scope, subject), *known)
