"""The forecast whole: which limit is met when, what becomes of those that wait, and what it would need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evercert.acme.cas import LimitScope
from evercert.engine.forecast.change import UNCHANGED, Change
from evercert.engine.forecast.course import Course, course_of
from evercert.engine.forecast.division import divided
from evercert.engine.forecast.figures import Figures, figures_of
from evercert.engine.forecast.fleet import CaRules, Fleet
from evercert.engine.forecast.model import Books, Bucket, Model, Steps
from evercert.engine.forecast.need import needed
from evercert.engine.forecast.waiting import OUTAGE, Waiting

__all__ = ["Outlook", "Shortage", "forecast", "steps_of"]

_DAY, _MINUTE = 86_400, 60
# Parts of an hour that are whole minutes, and the parts in which a life's time for a renewal is looked at; there are no
# more than so many steps.
_MINUTES = (60, 30, 20, 15, 10, 5, 2, 1)
_PARTS, _STEPS = 50, 20_000


@dataclass(frozen=True, slots=True)
class Shortage:
    """A limit that is used up, and what comes of it; where there is no `bucket`, a CA that does not answer. `number` is
    the bucket's in the model.

    Moments and spans are seconds. `until` is when the last of them was served, or None if some wait still at the end
    (`left`). With `need` instead of the limit's own number nobody waits longer than a day, or than a quarter of the
    time that the shortest life has for a renewal. `passed` are those that another CA serves because of it.
    """

    number: int
    bucket: Bucket | None
    since: int
    waiting: int
    most: int
    longest: int
    lapsing: int
    first_lapse: int | None
    left: int
    need: int = 0
    passed: int = 0

    @property
    def accounts(self) -> int:
        """Among how many accounts the orders would have to be shared, if the limit is an account's."""
        if self.bucket is None or self.bucket.limit.scope is not LimitScope.ORDERS_PER_ACCOUNT:
            return 0
        return -(-self.need // self.bucket.limit.count)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What will happen. Those `shortages` come first that let certificates lapse, then the others, each by time."""

    model: Model
    course: Course
    figures: Figures
    shortages: tuple[Shortage, ...]

    @property
    def shares(self) -> list[tuple[CaRules, int]]:
        """How many certificates each CA issues."""
        return [(ca, self.course.taken[number]) for number, ca in enumerate(self.model.cas)]

    @property
    def lapsing(self) -> int:
        return sum(each.lapsing for each in self.shortages)

    @property
    def waiting(self) -> int:
        return sum(each.waiting for each in self.shortages)


def steps_of(fleet: Fleet, horizon: int, change: Change = UNCHANGED) -> Steps:
    """Hours, or shorter steps where a life is so short that an hour is much of it."""
    leads = (change.of(kind).lead for kind in fleet.kinds)
    longest = max(_MINUTE, min(leads, default=_DAY) // _PARTS)
    size = next(minutes * _MINUTE for minutes in _MINUTES if minutes * _MINUTE <= longest)
    while horizon > size * _STEPS:
        size *= 2
    return Steps(fleet.start, size, -(-horizon // size))


def forecast(
    fleet: Fleet,
    rules: Mapping[str, CaRules],
    books: Books,
    horizon: int,
    change: Change = UNCHANGED,
    failing: float = 0.0,
) -> Outlook:
    """What will happen within *horizon* seconds, where that part of all attempts is *failing* and nothing else is
    supposed. Pure; *rules* are by directory, for every CA that is asked."""
    steps = steps_of(fleet, horizon, change)
    failing = failing if change.failing is None else change.failing
    model = divided(fleet, rules, books, steps, change, failing)
    course, asked = course_of(model), course_of(model, unlimited=True)
    demand = _demand(model, course, asked)
    shortages = sorted(
        (_shortage(model, demand, number, waiting) for number, waiting in course.waiting.items()),
        key=lambda each: (each.first_lapse is None, each.first_lapse or each.since, -each.waiting),
    )
    return Outlook(model, course, figures_of(fleet, change, asked, model.chosen, failing), tuple(shortages))


def _demand(model: Model, course: Course, asked: Course) -> Sequence[Counter[int]]:
    """What is asked of each bucket as if there were no limits; or, of those to which others go on, what comes to it."""
    later = {
        bucket
        for number, cohort in enumerate(model.cohorts)
        if cohort.chain and number != cohort.chain[0]
        for bucket in cohort.draws
    }
    return [+course.demand[each] if each in later else asked.demand[each] for each in range(len(model.buckets))]


def _shortage(model: Model, demand: Sequence[Counter[int]], number: int, waiting: Waiting) -> Shortage:
    steps = model.steps
    bucket = None if number == OUTAGE else model.buckets[number]
    return Shortage(
        number=number,
        bucket=bucket,
        since=steps.moment(waiting.since),
        waiting=waiting.count,
        most=waiting.most,
        longest=waiting.longest * steps.size,
        lapsing=waiting.lapsed.total(),
        first_lapse=steps.moment(min(waiting.lapsed)) if waiting.lapsed else None,
        left=waiting.left,
        need=needed(bucket, demand[number], steps, _patience(model, number)) if bucket else 0,
        passed=waiting.passed,
    )


def _patience(model: Model, number: int) -> int:
    """How many seconds a limit may make those wait that draw on it."""
    slacks = (each.slack * model.steps.size for each in model.cohorts if number in each.draws)
    return min(_DAY, min(slacks, default=_DAY) // 4)
