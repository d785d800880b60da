"""Values that TOML has no type for: windows, moments, lengths of time.

They are no dataclasses because msgspec would look for those in tables.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from evercert.config.toml import span_from
from evercert.model.terms import Window

__all__ = ["LimitText", "Moment", "Span", "WindowText", "worded"]

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW: Final = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:[,-][a-z]{3})*) )?"
    r"(?P<since>\d\d:\d\d)-(?P<until>\d\d:\d\d)(?: (?P<zone>[A-Za-z0-9_+/-]{1,64}))?",
    re.ASCII,
)
_MINUTES: Final = 24 * 60
_LIMIT: Final = re.compile(r"(?P<count>[0-9]{1,9})/(?P<period>[0-9]{1,5}[smhdw])", re.ASCII)


class WindowText:
    """`mon-fri,sun 22:00-04:00 Europe/Berlin`; every day and UTC where those are not said."""

    def __init__(self, value: Window, written: object) -> None:
        self.value = value
        self.written = str(written)

    @classmethod
    def read(cls, written: Any) -> WindowText:
        found = _WINDOW.fullmatch(written) if isinstance(written, str) else None
        if found is None:
            raise ValueError("it is no window, such as 'mon-fri 22:00-04:00 Europe/Berlin'")
        zone = found["zone"] or "UTC"
        _check_zone(zone)
        days = _days(found["days"]) if found["days"] else tuple(range(7))
        return cls(Window(days, _minute(found["since"]), _minute(found["until"]) % _MINUTES, zone), written)


class Moment:
    """A TOML date or date with time, or a text of that form; without an offset it is UTC."""

    def __init__(self, value: datetime, written: object) -> None:
        self.value = value
        self.written = str(written)

    @classmethod
    def read(cls, written: Any) -> Moment:
        said = written
        if isinstance(written, str):
            try:
                written = datetime.fromisoformat(written)
            except ValueError:
                raise ValueError("it is no date, such as 2026-12-20 or 2026-12-20T18:00:00Z") from None
        if isinstance(written, date) and not isinstance(written, datetime):
            written = datetime.combine(written, time())
        if not isinstance(written, datetime):
            raise ValueError("it is no date, such as 2026-12-20 or 2026-12-20T18:00:00Z")  # noqa: TRY004 - msgspec's
        try:
            return cls((written if written.tzinfo else written.replace(tzinfo=UTC)).astimezone(UTC), said)
        except OverflowError:
            raise ValueError("it is no date of these times") from None


class Span:
    """A length of time: 90s, 15m, 6h, 90d, 2w."""

    def __init__(self, value: timedelta, written: object) -> None:
        self.value = value
        self.written = str(written)

    @classmethod
    def read(cls, written: Any) -> Span:
        if not isinstance(written, str) or not re.fullmatch(r"[0-9]{1,5}[smhdw]", written):
            raise ValueError("it is no length of time, such as 90s, 15m, 6h, 90d or 2w")
        return cls(span_from(written), written)


class LimitText:
    """So much in so long: 1500/3h, 60/1m; or `none`, which is no limit (a count of zero)."""

    def __init__(self, count: int, period: timedelta, written: object) -> None:
        self.count = count
        self.period = period
        self.written = str(written)

    @classmethod
    def read(cls, written: Any) -> LimitText:
        if written == "none":
            return cls(0, timedelta(), written)
        found = _LIMIT.fullmatch(written) if isinstance(written, str) else None
        if found is None or not int(found["count"]) or not span_from(found["period"]):
            raise ValueError("it is no limit, such as 1500/3h or none")
        return cls(int(found["count"]), span_from(found["period"]), written)


def worded(kind: type, written: Any) -> Any:
    """What msgspec asks for a value of those types. Raises `ValueError` with what is wrong."""
    if kind in {WindowText, Moment, Span, LimitText}:
        return kind.read(written)
    raise TypeError(kind)


def _days(text: str) -> tuple[int, ...]:
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        for word in (first, last or first):
            if word not in _DAYS:
                raise ValueError(f"there is no day {word!r}, such as {', '.join(_DAYS)}")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        days.update(day % 7 for day in range(begin, end + 1 if end >= begin else end + 8))
    return tuple(sorted(days))


def _minute(text: str) -> int:
    hours, minutes = int(text[:2]), int(text[3:])
    if minutes > 59 or hours * 60 + minutes > _MINUTES or (hours == 24 and minutes):
        raise ValueError(f"there is no time {text}, such as 09:30 or 24:00")
    return hours * 60 + minutes


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"there is no time zone {zone!r}, such as UTC or Europe/Berlin") from None
