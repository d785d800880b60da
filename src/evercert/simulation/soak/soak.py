"""One soak from its beginning to its end, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from evercert.simulation.soak.course import Course
from evercert.simulation.soak.foreseen import Foreseen, foreseen
from evercert.simulation.soak.given import Given, Revocation, Rules, Silence
from evercert.simulation.soak.tally import Tally

__all__ = ["Report", "soaked"]

# A forecast about one event is of so many lives: what it does to the fleet is over by then.
_LIVES: Final = 2
_YEAR: Final = 365 * 86_400

Telling = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it. `broken` is empty where nothing lapsed that was not foreseen, each was asked for when it was
    due, and no CA had to say no."""

    given: Given
    tally: Tally
    forecasts: tuple[Foreseen, ...]

    @property
    def unforeseen(self) -> int:
        """How many lapsed at a time of which no forecast had said before that any would."""
        spans = [(each.at, each.until) for each in self.forecasts if each.lapsing]
        return sum(not any(at <= moment <= until for at, until in spans) for moment in self.tally.lapsed_at)

    @property
    def broken(self) -> tuple[str, ...]:
        return tuple(self._broken())

    def _broken(self) -> Iterator[str]:
        if self.unforeseen:
            yield f"{self.unforeseen} certificates lapsed that no forecast had said would"
        if self.tally.overslept:
            yield f"{self.tally.overslept} certificates were not asked for when they were due"
        if self.tally.refused:
            yield f"{self.tally.refused} orders were answered 429: the ledger counts less than the CA does"


def soaked(given: Given, rules: Rules | None = None, telling: Telling = lambda line: None) -> Report:
    """Lived from the first second to the last; the same from the same seed."""
    course = Course(given, rules or Rules())
    forecasts = [foreseen(course, 0, given.seconds, "the years to come")]
    telling(_said(forecasts[0]))
    for at, event in _events(given):
        course.run_until(at)
        telling(_year(course, at))
        if event is not None:
            forecasts.append(_happens(course, at, event))
            telling(_said(forecasts[-1]))
    course.run_until(given.seconds)
    course.close(given.seconds)
    return Report(given, course.tally, tuple(forecasts))


def _events(given: Given) -> list[tuple[int, Silence | Revocation | None]]:
    years: list[tuple[int, Silence | Revocation | None]] = [(year, None) for year in range(_YEAR, given.seconds, _YEAR)]
    silences = [(each.at, each) for each in given.silences]
    revocations = [(each.at, each) for each in given.revocations]
    return sorted([*years, *silences, *revocations], key=lambda each: each[0])


def _happens(course: Course, at: int, event: Silence | Revocation) -> Foreseen:
    """What is foreseen of it, at the moment at which it is known."""
    until = min(course.given.seconds, at + _LIVES * max(course.given.lives))
    if isinstance(event, Silence):
        hours = event.seconds // 3600
        # While the first CA answers, nobody needs another one.
        silence = 0 if event.ca else event.seconds
        return foreseen(course, at, until, f"CA {event.ca} does not answer for {hours} hours", silence)
    course.announce(event)
    hours = event.notice // 3600
    return foreseen(course, at, until, f"CA {event.ca} revokes {event.share:.0%} in {hours} hours")


def _year(course: Course, at: int) -> str:
    return f"year {at / _YEAR:.2f}: {course.tally.issued.total():,} issued, {course.tally.lapsed} lapsed"


def _said(each: Foreseen) -> str:
    return f"forecast ({each.what}): {each.waiting:,} wait, {each.lapsing:,} lapse"
