"""What `evercert forecast` says of the fleet at a moment, before what comes has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from evercert.acme.ari import usual_poll
from evercert.base.clock import to_epoch
from evercert.engine.forecast.change import UNCHANGED, Change, lead_of
from evercert.engine.forecast.fleet import CaRules, Fleet, Kind, OtherCa
from evercert.engine.forecast.model import Books
from evercert.engine.forecast.outlook import Outlook, forecast
from evercert.model.intent import RenewPolicy
from evercert.simulation.clock import BEGIN
from evercert.simulation.soak.columns import ACCOUNT, NOBODY
from evercert.simulation.soak.course import Course

__all__ = ["Foreseen", "foreseen"]

_SECOND: Final = 1_000_000
_BEGIN: Final = to_epoch(BEGIN) // _SECOND
# A poll comes so much later than the CA said at most (engine/renewal/renewing.py).
_DRIFT: Final = 9 / 8


@dataclass(frozen=True, slots=True)
class Foreseen:
    """At `at` it was said of the time until `until` that so many certificates will lapse, and wait. `needs` has a line
    for each limit that will be used up, `issued` how many each CA issues."""

    at: int
    until: int
    what: str
    lapsing: int
    waiting: int
    needs: tuple[str, ...]
    issued: tuple[tuple[str, int], ...]


def foreseen(course: Course, at: int, until: int, what: str, silence: int = 0) -> Foreseen:
    """What the forecast says at that moment, where no CA answers for so many seconds from then on."""
    change = Change(outage=silence) if silence else UNCHANGED
    rules = {ca.directory: CaRules(ca.directory, ca.directory, ca.limits, ca.ari) for ca in course.given.cas}
    failing = 1 / course.given.failing if course.given.failing else 0.0
    outlook = forecast(_fleet(course, at), rules, _books(course), max(1, until - at), change, failing)
    issued = tuple((ca.directory, count) for ca, count in outlook.shares)
    return Foreseen(at, until, what, outlook.lapsing, outlook.waiting, _needs(outlook), issued)


def _books(course: Course) -> Books:
    """What is drawn already. No exact set is met by the orders of a soak: each certificate has its own."""
    return {(ca, word, subject): tat for (ca, word, subject), tat in course.ledger.tats.items()}


def _fleet(course: Course, at: int) -> Fleet:
    """The columns as the forecast reads them from a store."""
    fleet, columns = Fleet(_BEGIN + at), course.fleet
    first, *others = course.given.cas
    further = tuple(OtherCa(each.directory, ACCOUNT, each.ari) for each in others)
    polls = {
        life: int(usual_poll(timedelta(seconds=life)).total_seconds() * _DRIFT) + 16 for life in course.given.lives
    }
    for number in range(len(columns)):
        life, issuer = columns.life(number), columns.issuer[number]
        kind = Kind(
            ca=first.directory,
            account=ACCOUNT,
            life=life,
            lead=lead_of(life, RenewPolicy()),
            ari=first.ari,
            foreign=issuer > 0,
            further=further,
            issued_by=max(0, issuer),
        )
        due, ends = course.next[number], 0
        if issuer != NOBODY:
            ends = _BEGIN + columns.ends(number)
        if columns.revoked[number]:
            due = min(due, columns.drawn[number] + (polls[life] if course.given.cas[issuer].ari else 0))
        if number in course.tally.waiting:
            due = at
        fleet.add(kind, _BEGIN + max(at, due), ends, [columns.domain(number)], number)
    return fleet


def _needs(outlook: Outlook) -> tuple[str, ...]:
    found = []
    for each in outlook.shortages:
        what = "a CA that does not answer"
        if each.bucket:
            limit = each.bucket.limit
            what = f"{limit.count} {limit.scope.value} ({each.bucket.subject or 'one set'}); {each.need} would do"
        found.append(f"{each.waiting} wait, {each.passed} ask another CA, {each.lapsing} lapse: {what}")
    return tuple(found)
