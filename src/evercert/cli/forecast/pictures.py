"""Which charts a forecast has: what is asked of the CAs day by day, and the limit that is met first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import accumulate

from evercert.cli.display import span
from evercert.cli.forecast.chart import Chart, gathered
from evercert.cli.forecast.heat import Heat, calendar_of
from evercert.cli.forecast.words import limit_name
from evercert.engine.forecast.outlook import Outlook

__all__ = ["charts", "due_calendar"]

_DAY = 86_400


def charts(outlook: Outlook, columns: int) -> Iterator[Chart]:
    """Each with at most so many columns."""
    steps, course = outlook.model.steps, outlook.course
    begins, ends = steps.start, steps.moment(steps.count)
    yield Chart(
        title="orders a day",
        lower=_per_day(course.renewals, columns, steps.size),
        upper=_per_day(course.firsts, columns, steps.size),
        lower_name="renewals",
        upper_name="first certificates",
        begins=begins,
        ends=ends,
    )
    first = next((each for each in outlook.shortages if each.bucket), None)
    if first is None or first.bucket is None:
        return
    number, limit = first.number, first.bucket.limit
    width = max(1, int(limit.period.total_seconds()) // steps.size)
    granted = _series(course.granted[number], steps.count)
    asked = _series(course.demand[number], steps.count)
    yield Chart(
        title=limit_name(first),
        lower=[max(part) for part in gathered(_within(granted, width), columns)],
        upper=[part[-1] for part in gathered(_waiting(asked, granted), columns)],
        lower_name=f"granted within {span(limit.period)}",
        upper_name="waiting",
        begins=begins,
        ends=ends,
        limit=limit.count,
        limit_name=f"limit {limit.count:,}",
    )


def due_calendar(outlook: Outlook) -> Heat:
    """What is due on each day (UTC)."""
    steps = outlook.model.steps
    counts: Counter[date] = Counter()
    for step, count in enumerate(outlook.course.due):
        counts[_date(steps.moment(step))] += count
    last = datetime.fromtimestamp(steps.moment(steps.count - 1), UTC).date()
    return calendar_of("due on each day", counts, _date(steps.start), last)


def _per_day(series: Sequence[int], columns: int, size: int) -> list[float]:
    return [sum(part) * _DAY / (len(part) * size) for part in gathered(series, columns)]


def _series(counts: Mapping[int, int], length: int) -> list[int]:
    return [counts.get(step, 0) for step in range(length)]


def _within(series: Sequence[int], width: int) -> list[int]:
    """At each step the sum of the last *width*."""
    sums = list(accumulate(series, initial=0))
    return [sums[at] - sums[max(0, at - width)] for at in range(1, len(sums))]


def _waiting(asked: Sequence[int], granted: Sequence[int]) -> list[int]:
    return list(accumulate(a - g for a, g in zip(asked, granted, strict=True)))


def _date(moment: int) -> date:
    return datetime.fromtimestamp(moment, UTC).date()
