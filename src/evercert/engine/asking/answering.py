"""Whether a CA answers, found out by one certificate for all."""

from __future__ import annotations

from datetime import datetime

from evercert.acme.problem import Problem
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.engine.asking.verdicts import is_silence, verdict_of
from evercert.engine.limits.holding import Held
from evercert.model.fact import Outage, Verdict
from evercert.store import health

__all__ = ["is_due", "is_turn", "note", "note_poll"]


def is_due(known: Outage | None, now: datetime) -> bool:
    """Whether a CA of which that is known may be asked by those who ask for no certificate, and so take nobody's
    turn."""
    return known is None or known.until <= now


async def is_turn(db: Database, known: Outage | None, now: datetime) -> bool:
    """Whether the CA of which that is known may be asked now, by the caller: of one that did not answer, the next
    look is one certificate's."""
    return is_due(known, now) and (known is None or await health.take_turn(db, known, now))


async def note(db: Database, ca: str, known: Outage | None, error: EvercertError | None, now: datetime) -> None:
    """Afterwards it is kept what asking the CA said of it: *error* as its client raised it, or none. *known* is what
    was known before it was asked; a turn that was taken for that and has found out nothing is given back."""
    if error is not None and is_silence(error):
        await health.silent(db, ca, known, error.message, now)
    elif known is None:
        return
    elif error is None or _is_an_answer(error):
        await health.answered(db, known, now)
    elif verdict_of(error) is not Verdict.OUTAGE:
        await health.give_turn_back(db, known)


async def note_poll(db: Database, known: Outage | None, now: datetime) -> None:
    """Afterwards nothing is noted of a CA that has said when to renew, unless somebody asked it for a certificate in
    vain within an hour. It may say when and issue nothing, or issue and not say when."""
    if known is not None and now - known.until > health.FORGOTTEN:
        await health.answered(db, known, now)


def _is_an_answer(error: EvercertError) -> bool:
    """Whether the CA itself said it. What our own books or DNS forbid was never asked."""
    said_no = isinstance(error, Held) and error.learned
    return said_no or isinstance(error, Problem) or verdict_of(error) is Verdict.FAILED
