"""What happened, in order, and the proof that nobody changed it afterwards.

Each event's hash covers the one before it, so that a changed, removed or inserted event breaks the chain. SQLite has
one writer, and chains an event as it is appended. On PostgreSQL an event is kept by the transaction in which it happens
and chained by whoever looks next (`chain`): otherwise no two transactions with an event could commit beside each other.
What is read, counted or told is what is in the chain.

Trust: whoever can write the database can still cut off the newest events, or compute a whole new chain; against that,
keep what `head` says somewhere else. What is not chained yet he can change unseen.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Final, LiteralString

import msgspec

from evercert.base.clock import to_epoch
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Row, Statement
from evercert.model.event import Event
from evercert.store.columns import moment, to_text
from evercert.store.sql import load_queries

__all__ = ["CHANNEL", "Happened", "appended", "chain", "head", "latest", "prune", "verify"]

# Rung after each event: `Database.listen`.
CHANNEL: Final[LiteralString] = "events"

_SQL: Final = load_queries("events")
_APPEND: Final = replace(_SQL["append event"], news=CHANNEL, apart=True)
_PORTION = 1000


class Happened(msgspec.Struct, frozen=True):
    """An event, its place in the chain, and when it was written."""

    id: int
    at: datetime
    event: Event


def appended(event: Event, now: datetime) -> Statement:
    """The statement that writes the event, for the transaction in which it happens."""
    kind = str(event.__struct_config__.tag)
    return _APPEND(at=to_epoch(now), kind=kind, certificate=event.certificate, body=to_text(event))


async def chain(db: Database) -> None:
    """Afterwards all that had happened when this was called is in the chain. Idempotent; for whoever reads it."""
    if not await db.rows(_SQL["first unchained event"]()):
        return
    while True:
        _, chained = await db.write(_SQL["lock the chain"](), _SQL["chain events"](limit=_PORTION))
        if len(chained) < _PORTION:
            return


async def latest(db: Database, limit: int, certificate: str = "") -> list[Happened]:
    """The newest events, of one certificate or of all, newest first: for whoever knows every kind that was written.
    What people read comes from `store.history`, which tells those of a newer version as they stand."""
    await chain(db)
    if certificate:
        rows = await db.rows(_SQL["latest events of a certificate"](certificate=certificate, limit=limit))
    else:
        rows = await db.rows(_SQL["latest events"](limit=limit))
    return [Happened(number, moment(at), _event(body)) for number, at, body in rows]


async def head(db: Database) -> tuple[int, str]:
    """Number and hash of the newest event."""
    await chain(db)
    ((number, digest),) = await db.rows(_SQL["newest event"]())
    return number, digest


async def verify(db: Database) -> int:
    """How many events there are, each proved to follow the one before; raises `store` at the first that does not."""
    await chain(db)
    number, digest, count = 0, "", 0
    while True:
        anchor, rows = await db.scan(_SQL["event anchor"](), _SQL["events after"](id=number, limit=_PORTION))
        if not rows:
            return count
        # Retention may move the anchor between two portions.
        number, digest = max((number, digest), anchor[0])
        for row in rows:
            digest = _verified(row, number, digest)
            number, count = row[0], count + 1


def _verified(row: Row, number: int, digest: str) -> str:
    """The row's hash, if it follows the event of that number and hash."""
    found, at, kind, certificate, body, claimed = row
    right = sha256(f"{digest} {at} {body}".encode()).hexdigest()
    if found != number + 1 or claimed != right or _about(body) != _About(kind, certificate):
        raise EvercertError(
            "store",
            f"event {found} does not follow from event {number}: the history was changed",
            hint="compare the store with a backup, and find out who can write it",
        )
    return right


async def prune(db: Database, keep: int, before: datetime) -> int:
    """Afterwards at most *keep* events are left and, but for the last, none from before that moment; how many went."""
    await chain(db)
    gone = 0
    while True:
        prunable = _SQL["event to prune up to"](keep=keep, before=to_epoch(before), limit=_PORTION)
        [[(last,)]] = await db.scan(prunable)
        if last is None:
            return gone
        _, removed = await db.write(_SQL["move event anchor"](id=last).expecting(1), _SQL["prune events"]())
        gone += len(removed)


class _About(msgspec.Struct, frozen=True):
    """What every event says, also one of a kind that only a newer version has."""

    kind: str
    certificate: str = ""


def _about(body: str) -> _About | None:
    """None of what no event was ever written as."""
    try:
        return msgspec.json.decode(body, type=_About)
    except msgspec.DecodeError:
        return None


def _event(body: str) -> Event:
    event: Event = msgspec.json.decode(body, type=Event)
    return event
