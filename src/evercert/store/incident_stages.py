"""How far an incident is with each of its certificates (`model.incident.Stage`).

Rules of this file:

* Each move is guarded by the stage before it: of two nodes that see the same, one does it.
* A move of many holds the incident's row first, so that they come one after another, and none once it is not open.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from evercert.base.clock import to_epoch
from evercert.db.protocol import Database, Statement
from evercert.model.event import IncidentAdvanced
from evercert.model.incident import Stage
from evercert.store import events
from evercert.store.columns import moment, moment_or_none
from evercert.store.guarded import goes_through
from evercert.store.sql import load_queries

__all__ = ["Placing", "Revoking", "follow", "move", "move_all", "placing", "release", "revoked", "revoking"]

_SQL: Final = load_queries("incidents")


class Placing(msgspec.Struct, frozen=True):
    """A certificate that was replaced, and what is known of its end."""

    issued_id: int
    certificate: str
    revoked_at: datetime | None
    not_after: datetime


class Revoking(msgspec.Struct, frozen=True):
    """A certificate that the CA is to revoke."""

    issued_id: int
    certificate: str


async def release(db: Database, incident: int, wave: int, count: int, *, first: bool, now: datetime) -> None:
    """Afterwards the *count* certificates that wait in the wave are being replaced (*first*: revoked) and are due.

    Raises `conflict`, and nothing was released, where that is not how many wait, or the incident is not open.
    """
    event = IncidentAdvanced(incident=incident, wave=wave, certificates=count)
    which = {"incident": incident, "wave": wave, "now": to_epoch(now)}
    await db.write(
        _held(incident),
        _SQL["release wave"](**which, first=int(first)).expecting(count),
        _SQL["wake for incident"](**which),
        events.appended(event, now),
    )


async def follow(db: Database, incident: int, now: datetime) -> int:
    """Afterwards it is noted which were replaced, and what replaced them with the same key is to be replaced too;
    how many were noted. Raises `conflict` if the incident is not open."""
    which = {"incident": incident, "now": to_epoch(now)}
    _, replaced, _, taken = await db.write(
        _held(incident),
        _SQL["note replaced in incident"](**which),
        _SQL["wake successors for incident"](**which),
        _SQL["take successors into incident"](**which),
    )
    return len(replaced) + len(taken)


async def placing(db: Database, incident: int, limit: int, after: int = 0) -> list[Placing]:
    """At most *limit*, by number *after* that, whose replacement has failed in no target: is it in all of them?"""
    rows = await db.rows(_SQL["replaced in incident"](incident=incident, after=after, limit=limit))
    return [Placing(number, name, moment_or_none(revoked), moment(ends)) for number, name, revoked, ends in rows]


async def move(
    db: Database, incident: int, issued_id: int, before: Stage, after: Stage, now: datetime, *, detail: str = ""
) -> bool:
    """Afterwards it is at that stage; False if it was not at *before*, and is as it was."""
    statement = _SQL["move in incident"](
        incident=incident,
        issued_id=issued_id,
        before=before.value,
        after=after.value,
        detail=detail,
        now=to_epoch(now),
    )
    return await goes_through(db, statement.expecting(1))


async def move_all(
    db: Database, incident: int, issued_ids: Sequence[int], before: Stage, after: Stage, now: datetime
) -> None:
    """Afterwards those of them that were at *before* are at *after*. Raises `conflict` if the incident is not open."""
    if not issued_ids:
        return
    params = {"incident": incident, "before": before.value, "after": after.value, "detail": "", "now": to_epoch(now)}
    moves = (_SQL["move in incident"](**params, issued_id=issued_id) for issued_id in issued_ids)
    await db.write(_held(incident), *moves)


async def revoking(db: Database, incident: int, tried_before: datetime, limit: int) -> list[Revoking]:
    """At most *limit* that the CA is to revoke, but for those where that failed since then."""
    statement = _SQL["revoking in incident"](incident=incident, tried_before=to_epoch(tried_before), limit=limit)
    return [Revoking(*row) for row in await db.rows(statement)]


async def revoked(db: Database, incident: int, issued_id: int, *, first: bool, now: datetime) -> bool:
    """Afterwards it goes on after the CA has revoked it: done, or where it was revoked *first*, to be replaced.
    False if it was not to be revoked (any more)."""
    statement = _SQL["revoked in incident"](incident=incident, issued_id=issued_id, first=int(first), now=to_epoch(now))
    return await goes_through(db, statement.expecting(1))


def _held(incident: int) -> Statement:
    return _SQL["hold open incident"](incident=incident).expecting(1)
