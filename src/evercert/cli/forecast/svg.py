"""Charts as SVG: one file that needs nothing else, reads by day and by night, and can be read aloud.

Rules of this file:

* Every column says in a `title` what it stands for, so that the numbers are in the picture.
* No script, no font, no link; text that comes from elsewhere is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import sqrt

from evercert.cli.forecast.chart import Chart, short
from evercert.cli.forecast.heat import Heat
from evercert.cli.forecast.words import day

__all__ = ["document"]

_WIDTH, _LEFT, _RIGHT = 960, 64, 16
_PLOT, _ABOVE, _BELOW = 220, 40, 64
_CELL, _GAP = 14, 2
_NAMED_BY = 'aria-labelledby="title description"'
_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .head { font-weight: 600; font-size: 14px }
  .lower { fill: #0969da } .upper { fill: #bf8700 } .limit { stroke: #cf222e; stroke-width: 2 }
  .grid { stroke: #8c959f; stroke-opacity: .35 } .ground { fill: #ffffff } .heat { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .lower { fill: #4493f8 } .upper { fill: #d29922 } .limit { stroke: #f85149 }
    .ground { fill: #0d1117 } .heat { fill: #4493f8 }
  }
"""


def document(title: str, description: Sequence[str], charts: Sequence[Chart], heat: Heat | None) -> str:
    """The whole file."""
    plots = [_chart(chart, 24 + number * (_ABOVE + _PLOT + _BELOW)) for number, chart in enumerate(charts)]
    top = 24 + len(charts) * (_ABOVE + _PLOT + _BELOW)
    cells = list(_heat(heat, top)) if heat else []
    height = top + (_ABOVE + 7 * _CELL + _BELOW if heat else 0)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" {_NAMED_BY}>',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="description">{escape(" ".join(description))}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect class="ground" width="{_WIDTH}" height="{height}"/>',
            *(line for plot in plots for line in plot),
            *cells,
            "</svg>\n",
        ]
    )


def _chart(chart: Chart, top: int) -> Iterator[str]:
    most = max([chart.limit or 0, *(a + b for a, b in zip(chart.lower, chart.upper, strict=True))]) or 1.0
    floor = top + _ABOVE + _PLOT
    yield _text(_LEFT, top + 18, chart.title, "head")
    for part in range(5):
        y = floor - _PLOT * part / 4
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:g}" y2="{y:g}"/>'
        yield _text(_LEFT - 6, y + 4, short(most * part / 4), anchor="end")
    wide = (_WIDTH - _LEFT - _RIGHT) / max(1, len(chart.lower))
    span = (chart.ends - chart.begins) / max(1, len(chart.lower))
    for number, (low, high) in enumerate(zip(chart.lower, chart.upper, strict=True)):
        when = day(int(chart.begins + number * span))
        said = f"{when}: {_named(low, chart.lower_name)}, {_named(high, chart.upper_name)}"
        x, tall, more = _LEFT + number * wide, low / most * _PLOT, high / most * _PLOT
        bars = (_rect("lower", x, floor - tall, wide, tall), _rect("upper", x, floor - tall - more, wide, more))
        yield f"<g><title>{escape(said)}</title>{''.join(bars)}</g>"
    if chart.limit is not None:
        y = floor - chart.limit / most * _PLOT
        yield f'<line class="limit" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.2f}" y2="{y:.2f}"/>'
    yield from _below(chart, floor)


def _below(chart: Chart, floor: int) -> Iterator[str]:
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield _text(_LEFT, floor + 18, day(chart.begins))
    yield _text(middle, floor + 18, day((chart.begins + chart.ends) // 2), anchor="middle")
    yield _text(_WIDTH - _RIGHT, floor + 18, day(chart.ends), anchor="end")
    x = _LEFT
    for name, kind in ((chart.lower_name, "lower"), (chart.upper_name, "upper")):
        yield _rect(kind, x, floor + 30, 10, 10)
        yield _text(x + 16, floor + 39, name)
        x += 40 + 7 * len(name)
    if chart.limit is not None:
        yield f'<line class="limit" x1="{x}" x2="{x + 12}" y1="{floor + 35}" y2="{floor + 35}"/>'
        yield _text(x + 18, floor + 39, chart.limit_name)


def _heat(heat: Heat, top: int) -> Iterator[str]:
    yield _text(_LEFT, top + 18, heat.title, "head")
    for week, days in enumerate(heat.weeks):
        for weekday, one in enumerate(days):
            if one is None:
                continue
            x, y = _LEFT + week * _CELL, top + _ABOVE + weekday * _CELL
            share = sqrt(one.count / heat.most) if heat.most else 0
            size = _CELL - _GAP
            yield (
                f'<rect class="heat" x="{x}" y="{y}" width="{size}" height="{size}" rx="2" '
                f'fill-opacity="{0.08 + 0.92 * share:.2f}"><title>{escape(f"{one.day}: {one.count:,}")}</title></rect>'
            )
    for weekday, name in ((0, "Mon"), (3, "Thu"), (6, "Sun")):
        yield _text(_LEFT - 6, top + _ABOVE + weekday * _CELL + 11, name, anchor="end")
    for week, name in heat.months:
        yield _text(_LEFT + week * _CELL, top + _ABOVE - 6, name)


def _named(number: float, name: str) -> str:
    return f"{number:,.0f} {name}" if number == int(number) else f"{number:,.1f} {name}"


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    """To a tenth of a unit; nothing where it would have no height."""
    if round(height, 1) == 0:
        return ""
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'
