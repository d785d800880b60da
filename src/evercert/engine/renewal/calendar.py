"""Windows and freezes: when a renewal or an installation may begin, and how long it can be put off. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from evercert.model.terms import Freeze, Terms, Window

__all__ = ["LAST_CALL", "last_call", "permitted"]

# A CA may suggest a window that closes too late (or after the end); from here on it is not
# believed, because there must be time left for retries.
LAST_CALL = 9 / 10

# Windows come again every week, so one is found within eight days of any moment; each further turn leaves a freeze.
_DAYS = 9


def last_call(not_before: datetime, not_after: datetime) -> datetime:
    """How long the replacement of a certificate of that life can be put off, whoever wants it."""
    return not_before + (not_after - not_before) * LAST_CALL


def permitted(moment: datetime, last: datetime, terms: Terms) -> tuple[datetime, str]:
    """When what is due at *moment* may begin, and what puts it off (empty if nothing does).

    Never after *last*, or after *moment* where that is later still: rather a change at a bad time than a lapse.
    """
    if not (terms.windows or terms.freezes):
        return moment, ""
    until, why = moment, ""
    for _ in range(2 * len(terms.freezes) + 2):
        later, reason = _later(until, terms)
        if later == until:
            break
        until, why = later, reason
    last = max(last, moment)
    return (last, f"{why} would be too late") if until > last else (until, why)


def _later(moment: datetime, terms: Terms) -> tuple[datetime, str]:
    if freeze := _freeze_at(moment, terms.freezes):
        return freeze.until, f"a freeze{f' ({freeze.reason})' if freeze.reason else ''}"
    return _opening(moment, terms.windows), "its window"


def _freeze_at(moment: datetime, freezes: tuple[Freeze, ...]) -> Freeze | None:
    covering = [freeze for freeze in freezes if freeze.since <= moment < freeze.until]
    return max(covering, key=lambda freeze: freeze.until, default=None)


def _opening(moment: datetime, windows: tuple[Window, ...]) -> datetime:
    """The moment itself inside a window, or where there is none; else when the next one opens."""
    # A window's days are gone through in their order, and no further than to the one that is meant.
    found = (next((since for since, until in _spans(each, moment) if until > moment), None) for each in windows)
    return max(moment, min((since for since in found if since is not None), default=moment))


def _spans(window: Window, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From the day before *moment*, whose window may last until now."""
    today = moment.astimezone(_zone(window.zone)).date()
    for number in range(-1, _DAYS):
        day = today + timedelta(days=number)
        if day.weekday() in window.days:
            yield _span(window, day)


# A fleet has few windows, which come again every day: ten thousand renewals are looked at in one list.
@lru_cache(maxsize=4096)
def _span(window: Window, day: date) -> tuple[datetime, datetime]:
    zone, begins = _zone(window.zone), datetime.combine(day, time())
    ends = begins + timedelta(days=int(window.until <= window.since))
    return _utc(begins, window.since, zone), _utc(ends, window.until, zone)


def _utc(midnight: datetime, minute: int, zone: tzinfo) -> datetime:
    return (midnight + timedelta(minutes=minute)).replace(tzinfo=zone).astimezone(UTC)


@cache
def _zone(name: str) -> tzinfo:
    # A zone was known when it was declared. A machine that has lost its table of zones renews by UTC.
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return UTC
