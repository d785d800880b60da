"""The events as they are told outside: in order, in portions, also those of kinds that only a newer version has.

Numbers have no gap, and a number is there only once all before it are: whoever has read up to one has missed nothing
but what retention took away.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from evercert.base.clock import to_epoch
from evercert.db.protocol import Database, Row
from evercert.store import events
from evercert.store.columns import moment
from evercert.store.sql import load_queries

__all__ = ["Entry", "Portion", "after", "before_moment", "newest"]

_SQL: Final = load_queries("events")
_PORTION = 1000
# Larger than every number that there will be.
_END = 1 << 62


class Entry(msgspec.Struct, frozen=True):
    """An event as it was written; `hash` stands for it and for all before it."""

    id: int
    at: datetime
    kind: str
    certificate: str
    body: str
    hash: str

    @property
    def fields(self) -> dict[str, object]:
        """What its kind says beside the certificate."""
        body = msgspec.json.decode(self.body, type=dict[str, object])
        return {name: value for name, value in body.items() if name not in ("kind", "certificate")}

    def document(self) -> dict[str, object]:
        """As it is told outside; these names are a promise."""
        about = {"id": self.id, "at": self.at, "kind": self.kind, "certificate": self.certificate}
        return {**about, **self.fields, "hash": self.hash}


class Portion(NamedTuple):
    """Some events in order. `gone` is the last one after the asked number that retention took away, if it did, and
    `gone_hash` that one's hash."""

    entries: list[Entry]
    gone: int = 0
    gone_hash: str = ""


async def after(db: Database, number: int, limit: int = _PORTION) -> Portion:
    """The events after that number, at most so many; none yet is an empty portion."""
    await events.chain(db)
    [[(anchor, digest)], rows] = await db.scan(_SQL["event anchor"](), _SQL["events after"](id=number, limit=limit))
    entries = [_entry(row) for row in rows]
    return Portion(entries, anchor, digest) if anchor > number else Portion(entries)


async def before_moment(db: Database, since: datetime) -> int | None:
    """The number of the event before the first that was written at that moment or later; None if there is none yet."""
    await events.chain(db)
    [rows] = await db.scan(_SQL["first event since"](at=to_epoch(since)))
    return rows[0][0] - 1 if rows else None


async def newest(
    db: Database, limit: int, wanted: Callable[[Entry], bool], *, certificate: str | None = None, before: int = _END
) -> list[Entry]:
    """The newest of those that are wanted (where it is said: of that *certificate*), oldest first."""
    await events.chain(db)
    found: list[Entry] = []
    number = before
    while len(found) < limit:
        if certificate is None:
            portion = _SQL["events before"](id=number, limit=_PORTION)
        else:
            portion = _SQL["events of a certificate before"](certificate=certificate, id=number, limit=_PORTION)
        [rows] = await db.scan(portion)
        entries = [_entry(row) for row in rows]
        found += filter(wanted, entries)
        if len(rows) < _PORTION:
            break
        number = entries[-1].id
    return found[:limit][::-1]


def _entry(row: Row) -> Entry:
    number, at, kind, certificate, body, digest = row
    return Entry(number, moment(at), kind, certificate, body, digest)
