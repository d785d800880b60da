"""What is to be done and what waits, certificate by certificate; and a person's word on it: stop, go on, try again.

Read for display only; work is planned from `certificates.fact`. Trust: whoever can change a stop decides whether
that certificate is renewed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from datetime import datetime
from enum import Enum
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

import msgspec

from evercert.base.clock import to_epoch
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Row
from evercert.model.event import CertificateResumed, CertificateStopped
from evercert.model.fact import CertificateFact, Stop
from evercert.store import certificates, events
from evercert.store.columns import moment, to_text
from evercert.store.sql import load_queries

__all__ = [
    "Agenda",
    "Resumed",
    "Retried",
    "Standing",
    "TaskState",
    "agenda",
    "resume",
    "resume_all",
    "retry",
    "retry_failed",
    "stop",
]

_SQL: Final = load_queries("tasks")

# Where no number of lines is asked for; both databases take it.
_ALL = 2**62


class TaskState(Enum):
    """How it stands with what is to be done for a certificate. Several may be true; the first is shown."""

    STOPPED = "stopped"  # nothing is done until a person resumes it
    RUNNING = "running"  # somebody works on it now
    FAILED = "failed"  # the last attempt failed, to issue or to install
    HELD = "held"  # a limit leaves no room yet
    DUE = "due"  # it waits for a worker
    WAITING = "waiting"  # it waits for its time


_QUERIES: Final = {
    None: _SQL["all tasks"],
    TaskState.STOPPED: _SQL["stopped tasks"],
    TaskState.RUNNING: _SQL["running tasks"],
    TaskState.FAILED: _SQL["failed tasks"],
    TaskState.HELD: _SQL["held tasks"],
    TaskState.DUE: _SQL["due tasks"],
    TaskState.WAITING: _SQL["waiting tasks"],
}


class Standing(msgspec.Struct, frozen=True):
    """One certificate's next task, from the store's side: what it is, says the planner."""

    fact: CertificateFact
    state: TaskState
    next_action_at: datetime
    # Who works on it, and until when it is his if he does not say that he still does.
    lease_owner: str = ""
    lease_until: datetime | None = None


class Agenda(msgspec.Struct, frozen=True):
    """The lines that were asked for, and whether there are more."""

    lines: tuple[Standing, ...]
    more: bool


class Retried(NamedTuple):
    """The names of those that are due, and of those that were deleted meanwhile."""

    due: tuple[str, ...]
    gone: tuple[str, ...]


class Resumed(NamedTuple):
    """The names, each with whether something had stopped it, and of those that were deleted meanwhile."""

    was_stopped: dict[str, bool]
    gone: tuple[str, ...]


async def agenda(
    db: Database, now: datetime, *, state: TaskState | None = None, match: str = "*", limit: int = 0
) -> Agenda:
    """Those of which *state* is true (all, if none is named) and whose name matches the shell pattern, what is due
    first first; at most *limit* (0: all). Only what is returned is decoded."""
    wanted = limit + 1 if limit and match == "*" else _ALL
    [rows] = await db.scan(_QUERIES[state](now=to_epoch(now), limit=wanted))
    chosen = [row for row in rows if match == "*" or fnmatchcase(row[0], match)]
    shown = chosen[:limit] if limit else chosen
    lines = [line for row in shown if (line := await _standing(db, row, now))]
    return Agenda(tuple(lines), len(chosen) > len(shown))


async def stop(db: Database, name: str, reason: str, now: datetime) -> bool:
    """Afterwards no CA is asked for it until `resume`; False if it was stopped before, and stays so for the reason
    that was given then. Raises `not-found`."""
    if await _stopped(db, name):
        return False
    statement = _SQL["stop certificate"](name=name, stopped=to_text(Stop(reason, now)), now=to_epoch(now))
    await db.write(statement.expecting(1), events.appended(CertificateStopped(certificate=name, reason=reason), now))
    return True


async def resume(db: Database, name: str, now: datetime) -> bool:
    """Afterwards it is due, as if nothing had stopped it; False if nothing had. Raises `not-found`."""
    if not await _stopped(db, name):
        return False
    await db.write(
        _SQL["resume certificate"](name=name, now=to_epoch(now)).expecting(1),
        events.appended(CertificateResumed(certificate=name), now),
    )
    return True


async def resume_all(db: Database, names: Iterable[str], now: datetime) -> Resumed:
    """`resume` each of them that is not deleted meanwhile."""
    resumed = {name: await _unless_gone(db, name, resume(db, name, now)) for name in names}
    was_stopped = {name: was for name, was in resumed.items() if was is not None}
    return Resumed(was_stopped, tuple(name for name in resumed if name not in was_stopped))


async def retry(db: Database, names: Iterable[str], now: datetime, *, forced: bool = False) -> Retried:
    """Afterwards each of them is due that was not deleted meanwhile; *forced*: another one is issued in any case.
    Idempotent."""
    woken = {name: await _unless_gone(db, name, _woken(db, name, now, forced)) for name in names}
    due, gone = ([name for name, was in woken.items() if was is wanted] for wanted in (True, None))
    return Retried(tuple(due), tuple(gone))


async def retry_failed(db: Database, now: datetime) -> Retried:
    """The same of each whose last attempt failed, but for those that are stopped."""
    [rows] = await db.scan(_SQL["failed certificates"]())
    return await retry(db, [name for (name,) in rows], now)


async def _woken(db: Database, name: str, now: datetime, forced: bool) -> bool:
    await certificates.wake(db, name, now, forced=forced)
    return True


async def _unless_gone(db: Database, name: str, done: Awaitable[bool]) -> bool | None:
    """What that returns; None where the certificate was deleted, before it was read or between that and the write."""
    try:
        return await done
    except EvercertError as error:
        if error.code.name not in {"not-found", "conflict"} or await db.rows(certificates.wanted(name)):
            raise
        return None


async def _stopped(db: Database, name: str) -> str:
    rows = await db.rows(_SQL["stopped of a certificate"](name=name))
    if not rows:
        raise EvercertError("not-found", "there is no such certificate", name=name, hint="see `evercert list`")
    return str(rows[0][0])


async def _standing(db: Database, row: Row, now: datetime) -> Standing | None:
    """None if it was deleted meanwhile."""
    name, next_action_at, lease_owner, lease_until = row
    fact = await certificates.fact(db, name)
    if fact is None:
        return None
    until = moment(lease_until) if lease_owner and lease_until and moment(lease_until) > now else None
    return Standing(
        fact=fact,
        state=_state(fact, moment(next_action_at) <= now, until is not None),
        next_action_at=moment(next_action_at),
        lease_owner=lease_owner if until else "",
        lease_until=until,
    )


def _state(fact: CertificateFact, due: bool, running: bool) -> TaskState:
    if fact.stopped:
        return TaskState.STOPPED
    if running:
        return TaskState.RUNNING
    if fact.failures or any(each.failures for each in fact.deployments):
        return TaskState.FAILED
    if fact.hold and not fact.hold.place:
        return TaskState.HELD
    return TaskState.DUE if due else TaskState.WAITING
