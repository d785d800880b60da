"""CAs that do not answer: noted once for all certificates, asked again by one of them now and then.

Rules of this file:

* A failure counts once, however many certificates it met: each change names the count that it was made from.
* A CA of which nothing is noted answers, as far as is known.

Trust: whoever can change this can keep certificates from a CA for a quarter of an hour at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from evercert.base.clock import to_epoch
from evercert.db.protocol import Database
from evercert.model.event import CaAnswersAgain, CaDoesNotAnswer
from evercert.model.fact import Outage
from evercert.store import events
from evercert.store.columns import moment
from evercert.store.guarded import goes_through
from evercert.store.sql import load_queries

__all__ = ["FORGOTTEN", "answered", "ask_again", "give_turn_back", "outages", "pause_after", "silent", "take_turn"]

_SQL: Final = load_queries("health")

# Between one look and the next. A CA that is back is noticed within a quarter of an hour.
_PAUSES: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 120, 300, 600, 900))

# A failure so long after the last look is the first of another outage.
FORGOTTEN: Final = timedelta(hours=1)

_REASON = 500


async def outages(db: Database) -> Mapping[str, Outage]:
    """Those that are known, by directory."""
    rows = await db.rows(_SQL["outages"]())
    return {
        ca: Outage(ca, failures, moment(since), moment(until), message) for ca, failures, since, until, message in rows
    }


async def silent(db: Database, ca: str, known: Outage | None, message: str, now: datetime) -> None:
    """Afterwards it is noted that the CA did not answer; *known* is what was noted before it was asked. Told
    as an event when it counts as down from now on."""
    message = message[:_REASON]
    if known is None:
        started = _SQL["begin outage"](
            directory=ca, now=to_epoch(now), retry_at=to_epoch(now + _PAUSES[0]), failure=message
        )
        await db.write(started)
        return
    over = now - known.until > FORGOTTEN
    failures, since = (1, now) if over else (known.failures + 1, known.since)
    noted = Outage(ca, failures, since, now + pause_after(failures), message)
    statement = _SQL["go on with outage"](
        directory=ca,
        failures=failures,
        since=to_epoch(since),
        retry_at=to_epoch(noted.until),
        failure=message,
        before=known.failures,
    )
    is_news = noted.is_down and not known.is_down
    told = [events.appended(CaDoesNotAnswer(ca=ca, reason=message), now)] if is_news else []
    await goes_through(db, statement.expecting(1), *told)


async def take_turn(db: Database, known: Outage, now: datetime) -> bool:
    """Whether it is the caller who asks the CA now; then nobody else does for as long as the last pause was."""
    statement = _SQL["ask in outage"](
        directory=known.ca,
        before=known.failures,
        now=to_epoch(now),
        retry_at=to_epoch(now + pause_after(known.failures)),
    )
    return await goes_through(db, statement.expecting(1))


async def give_turn_back(db: Database, known: Outage) -> None:
    """Afterwards the turn that was taken, of which nothing came, is whoever's comes next. Idempotent."""
    statement = _SQL["give turn back"](directory=known.ca, before=known.failures, retry_at=to_epoch(known.until))
    await db.write(statement)


async def answered(db: Database, known: Outage, now: datetime) -> None:
    """Afterwards nothing is noted of the CA; told as an event if it counted as down."""
    ended = _SQL["end outage"](directory=known.ca, before=known.failures).expecting(1)
    event = CaAnswersAgain(ca=known.ca, down_since=known.since.isoformat())
    await goes_through(db, ended, *([events.appended(event, now)] if known.is_down else []))


async def ask_again(db: Database, now: datetime) -> None:
    """Afterwards each of them is asked by whoever comes next. Idempotent."""
    await db.write(_SQL["ask again at once"](now=to_epoch(now)))


def pause_after(failures: int) -> timedelta:
    """How long nobody asks a CA that did not answer so often in a row."""
    return _PAUSES[min(failures, len(_PAUSES)) - 1]
