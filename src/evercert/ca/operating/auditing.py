"""The audit, proved: every record follows the one before it, and none was changed, removed or put in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from evercert.base.errors import EvercertError
from evercert.ca.store import audit, operating
from evercert.db.protocol import Database, Row
from evercert.store.columns import moment

__all__ = ["Record", "Verified", "latest", "verify"]


@dataclass(frozen=True, slots=True)
class Record:
    id: int
    at: datetime
    kind: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verified:
    """So many records, up to the one of that number and hash: keep these elsewhere, for the next `verify`."""

    records: int
    id: int
    hash: str


async def verify(db: Database, known: tuple[int, str] | None = None) -> Verified:
    """Raises `store` at the first record that does not follow the one before, or where the one that is *known* (number
    and hash, kept elsewhere) is another by now or gone."""
    count, number, digest = 0, 0, ""
    async for row, before in _chain(db):
        number, digest = row[0], _digest(row, before)
        if row[4] != digest:
            raise _broken(number)
        if known and number == known[0] and digest != known[1]:
            raise _broken(number)
        count += 1
    if known and number < known[0]:
        raise _broken(known[0])
    return Verified(count, number, digest)


async def latest(db: Database, limit: int, kind: str = "", before: int = 0) -> list[Record]:
    """The newest (of those before the one of that number, if one is named), newest first."""
    rows = await operating.latest_records(db, limit, kind, before)
    return [Record(number, moment(at), kind, msgspec.json.decode(body)) for number, at, kind, body, _ in rows]


async def _chain(db: Database) -> AsyncIterator[tuple[Row, str]]:
    """Every record with the hash of the one before it. Raises `store` where a number is missing."""
    number, digest = await audit.anchor(db)
    while rows := await audit.after(db, number):
        for row in rows:
            if row[0] != number + 1:
                raise _broken(number + 1)
            yield row, digest
            number, digest = row[0], row[4]


def _digest(row: Row, before: str) -> str:
    _, at, kind, body, _ = row
    return sha256(f"{before} {at} {kind} {body}".encode()).hexdigest()


def _broken(number: int) -> EvercertError:
    return EvercertError(
        "store",
        f"the audit is broken at record {number}: it was changed, or one is missing",
        hint="compare it with a backup; whoever could write the store could do this",
    )
