"""Hooks: who is told of events, how far each was told, and which process tells it now.

A hook's cursor is the last event that it has taken, or that was not for it. It is moved by whoever has the hook's
lease alone, after the hook has taken the event: a crash in between repeats that one event.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from evercert.base.clock import to_epoch
from evercert.db.protocol import Database, Row, Statement
from evercert.model.event import HookGivenUp
from evercert.model.fact import Failure
from evercert.model.hook import Hook
from evercert.store import events
from evercert.store.columns import from_text, moment_or_none, number_or_none, to_text
from evercert.store.guarded import goes_through
from evercert.store.sql import load_queries

__all__ = [
    "Claim",
    "Standing",
    "all_hooks",
    "claim",
    "configure",
    "failed",
    "find",
    "forget",
    "give_up",
    "move",
    "pass_over",
    "release",
    "retry",
]

_SQL: Final = load_queries("hooks")
_EVENTS: Final = load_queries("events")
# Whoever tells hooks looks at once.
_CONFIGURE: Final = replace(_SQL["configure hook"], news=events.CHANNEL)
_RETRY: Final = replace(_SQL["retry hook"], news=events.CHANNEL)
_PASS: Final = replace(_SQL["pass event over"], news=events.CHANNEL)


class Standing(msgspec.Struct, frozen=True):
    """A hook and how far it is; `newest` is the number of the newest event of all. One that was given up is told of
    nothing until somebody has it told again (`retry`), or changes it."""

    hook: Hook
    event_id: int
    failures: int
    retry_at: datetime | None
    failure: Failure | None
    leased_until: datetime | None
    failing_since: datetime | None
    given_up_at: datetime | None
    newest: int

    @property
    def behind(self) -> int:
        """How many events it was not told of yet, for it or not."""
        return max(self.newest - self.event_id, 0)

    def is_due(self, now: datetime) -> bool:
        return (
            self.behind > 0
            and self.given_up_at is None
            and not ((self.retry_at and self.retry_at > now) or (self.leased_until and self.leased_until > now))
        )


class Claim(NamedTuple):
    """A hook that one process has for itself until its lease is over."""

    hook: Hook
    owner: str
    event_id: int
    failures: int = 0
    failing_since: datetime | None = None


async def all_hooks(db: Database) -> list[Standing]:
    """By name."""
    await events.chain(db)
    rows, newest = await db.read(_SQL["all hooks"](), _EVENTS["newest event"]())
    return [_standing(row, newest[0][0]) for row in rows]


async def find(db: Database, name: str) -> Standing | None:
    await events.chain(db)
    rows, newest = await db.read(_SQL["hook"](name=name), _EVENTS["newest event"]())
    return _standing(rows[0], newest[0][0]) if rows else None


async def configure(db: Database, hook: Hook) -> None:
    """Afterwards it is told: a new one of what happens from now on, one that was there from where it is. Idempotent."""
    await events.chain(db)
    await db.write(_CONFIGURE(name=hook.name, definition=to_text(hook)))


async def forget(db: Database, name: str) -> None:
    """Afterwards there is none of that name. Idempotent."""
    await db.write(_SQL["forget hook"](name=name))


async def claim(db: Database, name: str, owner: str, now: datetime, until: datetime) -> Claim | None:
    """The hook, for *owner* alone until then; None if another one has it, or it waits, or was given up, or is gone."""
    statement = _SQL["claim hook"](name=name, owner=owner, now=to_epoch(now), until=to_epoch(until))
    (rows,) = await db.write(statement)
    if not rows:
        return None
    definition, number, failures, since = rows[0]
    return Claim(msgspec.json.decode(definition, type=Hook), owner, number, failures, moment_or_none(since))


async def move(db: Database, claimed: Claim, number: int, until: datetime) -> Claim | None:
    """The same, told up to that event, durably, and for longer; None if the lease was lost or the hook was changed."""
    statement = _SQL["move hook"](name=claimed.hook.name, owner=claimed.owner, id=number, until=to_epoch(until))
    (rows,) = await db.write(statement)
    if not rows or msgspec.json.decode(rows[0][0], type=Hook) != claimed.hook:
        return None
    return Claim(claimed.hook, claimed.owner, number)


async def failed(db: Database, claimed: Claim, number: int, failure: Failure, retry_at: datetime) -> None:
    """Afterwards it is known that it took all up to that event, and not the next one; the next attempt is not before
    *retry_at*, and anybody may make it."""
    await db.write(_failed(claimed, number, failure, retry_at))


async def give_up(db: Database, claimed: Claim, number: int, failure: Failure) -> bool:
    """Afterwards the same is known, and it is told of nothing until `retry`, which is an event; whether that is so:
    not where the lease was lost."""
    since = claimed.failing_since or failure.at
    event = HookGivenUp(
        hook=claimed.hook.name,
        event_id=number + 1,
        failing_since=since.isoformat(),
        code=failure.code,
        message=failure.message,
    )
    return await goes_through(
        db, _failed(claimed, number, failure, None).expecting(1), events.appended(event, failure.at)
    )


def _failed(claimed: Claim, number: int, failure: Failure, retry_at: datetime | None) -> Statement:
    """Given up where there is no next attempt."""
    return _SQL["hook failed"](
        name=claimed.hook.name,
        owner=claimed.owner,
        id=number,
        now=to_epoch(failure.at),
        retry_at=number_or_none(retry_at),
        given_up_at=number_or_none(None if retry_at else failure.at),
        failure=to_text(failure),
    )


async def release(db: Database, name: str, owner: str) -> None:
    """Afterwards *owner* does not have it. Idempotent."""
    await db.write(_SQL["release hook"](name=name, owner=owner))


async def retry(db: Database, name: str) -> bool:
    """Afterwards it is told again at once, as if it had never failed; whether there is one of that name. Idempotent."""
    (rows,) = await db.write(_RETRY(name=name))
    return bool(rows)


async def pass_over(db: Database, name: str, now: datetime) -> int:
    """Afterwards it is never told of the event that it did not take; that one's number. Raises `conflict` where the
    last one did not fail, or another attempt is being made."""
    [[(number,)]] = await db.write(_PASS(name=name, now=to_epoch(now)).expecting(1))
    return int(number)


def _standing(row: Row, newest: int) -> Standing:
    _, definition, number, failures, retry_at, failure, leased_until, failing_since, given_up_at = row
    return Standing(
        msgspec.json.decode(definition, type=Hook),
        number,
        failures,
        moment_or_none(retry_at),
        from_text(failure, Failure),
        moment_or_none(leased_until),
        moment_or_none(failing_since),
        moment_or_none(given_up_at),
        newest,
    )
