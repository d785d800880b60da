"""Charts of characters: stacked columns, a line for a limit, dates below. They need no colour and no terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Chart", "drawn_chart", "gathered", "plain", "short"]

_LOWER, _UPPER, _LIMIT, _EMPTY = "█", "░", "─", " "
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_AXIS = 8
_HEIGHT = 10
# For streams that cannot take the others.
_ASCII = str.maketrans(
    {"█": "#", "░": "+", "▒": "+", "▓": "*", "─": "-", "┤": "|", "│": "|", "└": "+", "·": "."}
    | dict.fromkeys("▁▂▃", "_")
    | dict.fromkeys("▄▅▆▇", "#")
)


@dataclass(frozen=True, slots=True)
class Chart:
    """Two series, the second on top of the first, of equal length; `begins` and `ends` are seconds since 1970."""

    title: str
    lower: Sequence[float]
    upper: Sequence[float]
    lower_name: str
    upper_name: str
    begins: int
    ends: int
    limit: float | None = None
    limit_name: str = ""


def gathered(series: Sequence[float], columns: int) -> list[list[float]]:
    """The series in at most so many parts of equal length (the last may be shorter)."""
    size = max(1, -(-len(series) // max(1, columns)))
    return [list(series[at : at + size]) for at in range(0, len(series), size)]


def drawn_chart(chart: Chart, width: int) -> list[str]:
    """Its lines, none wider than *width*."""
    top = max([chart.limit or 0, *(a + b for a, b in zip(chart.lower, chart.upper, strict=True))]) or 1.0
    heights = [
        (round(low / top * _HEIGHT * 8), round((low + high) / top * _HEIGHT * 8))
        for low, high in zip(chart.lower, chart.upper, strict=True)
    ]
    line = round(chart.limit / top * _HEIGHT * 8) if chart.limit is not None else None
    rows = [_row(heights, row, line, _label(chart, row, line, top)) for row in reversed(range(_HEIGHT))]
    return [
        *_wrapped(chart.title, width),
        *rows,
        _base(len(heights)),
        _dates(chart, len(heights)),
        *_legend(chart, width),
    ]


def plain(text: str) -> str:
    """The same in ASCII."""
    return text.translate(_ASCII)


def short(number: float) -> str:
    """A number in at most six characters."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            scaled = number / (1000 if unit == "k" else size)
            return f"{scaled:.0f}{unit}" if scaled >= 10 else f"{scaled:.1f}{unit}"
    return f"{number:.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def _row(heights: Sequence[tuple[int, int]], row: int, line: int | None, label: str) -> str:
    cells = "".join(_cell(low - row * 8, whole - row * 8, is_line=_holds(row, line)) for low, whole in heights)
    return f"{label:>{_AXIS - 2}} {'┤' if label else '│'}{cells}".rstrip()


def _label(chart: Chart, row: int, line: int | None, top: float) -> str:
    """The limit's number where its line is; else every third row says up to where it reaches."""
    if chart.limit is not None and _holds(row, line):
        return short(chart.limit)
    return short(top * (row + 1) / _HEIGHT) if row % 3 == 0 else ""


def _holds(row: int, line: int | None) -> bool:
    return line is not None and row * 8 < max(line, 1) <= row * 8 + 8


def _cell(low: int, whole: int, *, is_line: bool) -> str:
    """What stands where the first series reaches up to *low* and both to *whole* eighths of the cell."""
    if whole <= 0:
        return _LIMIT if is_line else _EMPTY
    if low >= 8 or (whole <= low):
        return _EIGHTHS[min(8, low)]
    # Both are in it, or the second alone: the larger part has it.
    return _EIGHTHS[8] if low > min(8, whole) - low else _UPPER


def _base(columns: int) -> str:
    return " " * (_AXIS - 1) + "└" + "─" * columns


def _dates(chart: Chart, columns: int) -> str:
    """As many as there is room for: the first, the last, the middle."""
    first, last = _date(chart.begins), _date(chart.ends)
    middle = _date((chart.begins + chart.ends) // 2)
    room = columns - len(first) - len(last)
    if room < 1:
        return " " * _AXIS + first
    between = middle.center(room) if room >= len(middle) + 2 else " " * room
    return " " * _AXIS + first + between + last


def _legend(chart: Chart, width: int) -> list[str]:
    parts = [f"{_LOWER} {chart.lower_name}", f"{_UPPER} {chart.upper_name}"]
    if chart.limit is not None:
        parts.append(f"{_LIMIT} {chart.limit_name}")
    return _wrapped("   ".join(parts), width, " " * _AXIS)


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    from textwrap import wrap

    return wrap(text, max(20, width), initial_indent=indent, subsequent_indent=indent) or [""]


def _date(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"
