"""A calendar whose days are the darker the more there is to do on them: weeks from left to right, Monday on top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

__all__ = ["Day", "Heat", "calendar_of", "drawn_calendar"]

_SHADES = "·░▒▓█"
_WEEKDAYS = ("Mon", "", "Wed", "", "Fri", "", "Sun")
_ASIDE = 8


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    count: int


@dataclass(frozen=True, slots=True)
class Heat:
    """`weeks` have seven days each, None where the calendar has not begun or is over; `months` are the weeks in which
    they begin, with their names."""

    title: str
    weeks: list[list[Day | None]]
    months: list[tuple[int, str]]

    @property
    def most(self) -> int:
        return max((one.count for week in self.weeks for one in week if one), default=0)


def calendar_of(title: str, counts: Mapping[date, int], begins: date, ends: date) -> Heat:
    """From the first day to the last."""
    monday = begins - timedelta(days=begins.weekday())
    weeks: list[list[Day | None]] = []
    months: list[tuple[int, str]] = []
    while monday <= ends:
        days = [monday + timedelta(days=number) for number in range(7)]
        weeks.append([Day(one, counts.get(one, 0)) if begins <= one <= ends else None for one in days])
        if new := next((one for one in days if one.day == 1 and begins <= one <= ends), None):
            months.append((len(weeks) - 1, f"{new:%b}"))
        monday += timedelta(days=7)
    return Heat(title, weeks, months)


def drawn_calendar(heat: Heat, width: int) -> list[str]:
    """Its lines. Weeks for which there is no room are left out at the end, and said so."""
    fitting = max(1, (width - _ASIDE) // 2)
    weeks = heat.weeks[:fitting]
    head = [" "] * (2 * len(weeks) + 3)
    for week, name in heat.months:
        if week < len(weeks):
            head[2 * week : 2 * week + 3] = name
    lines = [heat.title, (" " * _ASIDE + "".join(head)).rstrip()]
    for number, name in enumerate(_WEEKDAYS):
        cells = " ".join(_shade(week[number], heat.most) for week in weeks)
        lines.append(f"{name:>{_ASIDE - 2}}  {cells}".rstrip())
    bounds = [heat.most * level**2 // 16 for level in range(len(_SHADES))]
    # Where there is little to do, some shades stand for no number.
    legend = f"{_SHADES[0]} none" + "".join(
        f"  {_SHADES[level]} up to {bounds[level]:,}" for level in range(1, 5) if bounds[level] > bounds[level - 1]
    )
    left_out = len(heat.weeks) - len(weeks)
    return [*lines, " " * _ASIDE + legend + (f"  ({left_out} weeks more)" if left_out else "")]


def _shade(one: Day | None, most: int) -> str:
    """By the square root, so that one very busy day leaves the others apart."""
    if one is None:
        return " "
    return next(shade for level, shade in enumerate(_SHADES) if one.count * 16 <= most * level**2)
