"""Incidents: `opening -> open <-> paused -> done`, or cancelled; which certificates each has, and how far it is.

How one certificate moves is `incident_stages`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from evercert.base.clock import to_epoch
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Row
from evercert.model.event import IncidentClosed, IncidentOpened, IncidentStalled
from evercert.model.fact import Failure, Hold, Stop
from evercert.model.incident import Incident, IncidentState, Measures, Selection, Stage
from evercert.store import events
from evercert.store.columns import from_text, moment, moment_or_none, to_text
from evercert.store.sql import load_queries

__all__ = [
    "Candidate",
    "Member",
    "Trouble",
    "Wave",
    "begin",
    "candidates",
    "close",
    "get",
    "listed",
    "open_",
    "open_ones",
    "pause",
    "resume",
    "stall",
    "take",
    "troubles",
    "waves",
]

_SQL: Final = load_queries("incidents")

# So many rows are read, or written in one transaction.
_PORTION = 1000

# As far ahead as a column goes, for a bound that is not set.
_FAR = (1 << 63) - 1


class Candidate(msgspec.Struct, frozen=True):
    """What columns tell of one certificate that was issued and is valid still. `key` is the SHA-256 of its
    SubjectPublicKeyInfo, empty where its key never was here; `intent` is JSON."""

    issued_id: int
    certificate: str
    serial: str
    issuer: str
    not_after: datetime
    key_id: int | None
    key: str
    is_current: bool
    ca: str
    profile: str
    # From when on its CA suggests to renew it (RFC 9773), if it does.
    suggested_from: datetime | None
    intent: str


class Member(msgspec.Struct, frozen=True):
    """One certificate that an incident takes in, and where it begins."""

    issued_id: int
    wave: int
    stage: Stage = Stage.WAITING
    detail: str = ""


class Wave(msgspec.Struct, frozen=True):
    """How many certificates of one wave are how far. Of those that are `replacing`, so many are `failing` and others
    `held` by a limit; of those that are `replaced`, so many could not be installed (`unplaced`), and others are
    followed by one that is to be replaced itself (`superseded`)."""

    number: int
    waiting: int = 0
    replacing: int = 0
    replaced: int = 0
    revoking: int = 0
    done: int = 0
    failed: int = 0
    failing: int = 0
    held: int = 0
    unplaced: int = 0
    superseded: int = 0


class Trouble(msgspec.Struct, frozen=True):
    """What went wrong with one certificate of an incident, or what it waits for."""

    certificate: str
    wave: int
    stage: Stage
    what: str
    hint: str = ""
    retry_at: datetime | None = None


async def candidates(
    db: Database, selection: Selection, now: datetime, *, superseded: bool, after: int = 0
) -> list[Candidate]:
    """The next thousand, by number *after* that, which the selection may mean as far as columns tell; empty at the
    end. *superseded*: also those in whose place others are current."""
    [rows] = await db.scan(
        _SQL["incident candidates"](
            after=after,
            now=to_epoch(now),
            expires_before=_number(selection.expires_before, _FAR),
            issued_from=_number(selection.issued_from, 0),
            issued_until=_number(selection.issued_until, _FAR),
            superseded=int(superseded),
            key=selection.key,
            serial_from=selection.serial_from,
            serial_to=selection.serial_to,
            limit=_PORTION,
        )
    )
    return [_candidate(row) for row in rows]


async def begin(db: Database, reason: str, selection: Selection, measures: Measures, now: datetime) -> int:
    """A new incident, to which certificates may be added until it is opened; its number."""
    kept = msgspec.structs.replace(selection, serials=frozenset())
    statement = _SQL["begin incident"](
        reason=reason, selection=to_text(kept), measures=to_text(measures), now=to_epoch(now)
    )
    ((row,),) = await db.write(statement.expecting(1))
    number: int = row[0]
    return number


async def take(db: Database, incident: int, members: Sequence[Member], now: datetime) -> None:
    """Afterwards it has them, but for those that are gone meanwhile; in transactions of some hundreds."""
    for start in range(0, len(members), _PORTION):
        await db.write(
            *(
                _SQL["take into incident"](
                    incident=incident,
                    issued_id=member.issued_id,
                    wave=member.wave,
                    state=member.stage.value,
                    detail=member.detail,
                    now=to_epoch(now),
                )
                for member in members[start : start + _PORTION]
            )
        )


async def open_(db: Database, incident: int, reason: str, count: int, now: datetime) -> None:
    """Afterwards it goes on by itself, with its *count* certificates. Raises `conflict` if it is not being opened."""
    event = IncidentOpened(incident=incident, reason=reason, certificates=count)
    await db.write(_SQL["open incident"](incident=incident).expecting(1), events.appended(event, now))


async def get(db: Database, incident: int) -> Incident:
    """Raises `not-found`."""
    rows = await db.rows(_SQL["incident"](incident=incident))
    if not rows:
        raise EvercertError("not-found", f"there is no incident {incident}", hint="see `evercert incident list`")
    return _incident(rows[0])


async def listed(db: Database) -> list[Incident]:
    """All of them, newest first."""
    return [_incident(row) for row in await db.rows(_SQL["all incidents"]())]


async def open_ones(db: Database) -> list[Incident]:
    """Those that go on by themselves, oldest first."""
    return [_incident(row) for row in await db.rows(_SQL["open incidents"]())]


async def waves(db: Database, incident: int) -> list[Wave]:
    """How far each wave is, from one snapshot."""
    stages, replacing, placing = await db.scan(
        _SQL["incident stages"](incident=incident),
        _SQL["incident replacing"](incident=incident),
        _SQL["incident placing"](incident=incident),
    )
    found: dict[int, dict[str, int]] = {}
    for number, state, count in stages:
        found.setdefault(number, {})[state] = count
    for number, failing, held in replacing:
        found[number] |= {"failing": failing, "held": held}
    for number, unplaced, superseded in placing:
        found[number] |= {"unplaced": unplaced, "superseded": superseded}
    return [Wave(number=number, **counts) for number, counts in sorted(found.items())]


async def troubles(db: Database, incident: int, limit: int) -> list[Trouble]:
    """At most *limit* of the certificates with which something is wrong, the first waves first."""
    [rows] = await db.scan(_SQL["incident failures"](incident=incident, limit=limit))
    return [_trouble(row) for row in rows]


async def stall(db: Database, incident: int, why: str, now: datetime) -> None:
    """Afterwards it is known why no further wave is released (empty: some are again). Raises `conflict` where that
    was known, or it is not open."""
    stalled = _SQL["stall incident"](incident=incident, stalled=why).expecting(1)
    await db.write(stalled, *([events.appended(IncidentStalled(incident=incident, reason=why), now)] if why else []))


async def pause(db: Database, incident: int, now: datetime) -> None:
    """Afterwards nothing of it begins until it is resumed. Raises `conflict` if it is not open."""
    paused = _SQL["pause incident"](incident=incident).expecting(1)
    await db.write(paused, _SQL["call back into waiting"](incident=incident, now=to_epoch(now)))


async def resume(db: Database, incident: int, tolerated: int) -> None:
    """Afterwards it goes on, and *tolerated* failures are no reason not to. Raises `conflict` if it does anyway."""
    await db.write(_SQL["resume incident"](incident=incident, tolerated=tolerated).expecting(1))


async def close(db: Database, incident: int, state: IncidentState, outcome: str, now: datetime) -> None:
    """Afterwards it is over: done, which it must be, or cancelled with what is left. Raises `conflict` otherwise."""
    closed = _SQL["close incident"](incident=incident, state=state.value, now=to_epoch(now)).expecting(1)
    if state is IncidentState.CANCELLED:
        rest = _SQL["give up in incident"](incident=incident, now=to_epoch(now))
    else:
        rest = _SQL["nothing left in incident"](incident=incident).expecting(0)
    await db.write(closed, rest, events.appended(IncidentClosed(incident=incident, outcome=outcome), now))


def _number(when: datetime | None, usual: int) -> int:
    return usual if when is None else to_epoch(when)


def _candidate(row: Row) -> Candidate:
    number, certificate, serial, issuer, not_after, key_id, key, current_id, ca, profile, window_start, intent = row
    return Candidate(
        issued_id=number,
        certificate=certificate,
        serial=serial,
        issuer=issuer,
        not_after=moment(not_after),
        key_id=key_id,
        key=key or "",
        is_current=current_id == number,
        ca=ca,
        profile=profile,
        suggested_from=moment_or_none(window_start),
        intent=intent,
    )


def _incident(row: Row) -> Incident:
    number, opened_at, closed_at, state, reason, selection, measures, stalled, tolerated = row
    return Incident(
        id=number,
        opened_at=moment(opened_at),
        closed_at=moment_or_none(closed_at),
        state=IncidentState(state),
        reason=reason,
        selection=msgspec.json.decode(selection, type=Selection),
        measures=msgspec.json.decode(measures, type=Measures),
        stalled=stalled,
        tolerated=tolerated,
    )


def _trouble(row: Row) -> Trouble:
    certificate, wave, state, detail, failure, retry_at, stopped, hold, deploy_failure = row
    stage = Stage(state)
    failed = from_text(deploy_failure if stage is Stage.REPLACED else failure, Failure)
    stop, held = from_text(stopped or None, Stop), from_text(hold or None, Hold)
    if detail or stage in {Stage.FAILED, Stage.REVOKING}:
        return Trouble(certificate, wave, stage, detail)
    if stop:
        return Trouble(certificate, wave, stage, f"stopped: {stop.reason}")
    if failed:
        return Trouble(certificate, wave, stage, failed.message, failed.hint, moment_or_none(retry_at))
    words = f"waits for room in a limit: {held.limit}" if held else ""
    return Trouble(certificate, wave, stage, words, retry_at=held.until if held else None)
