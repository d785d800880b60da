"""`evercert forecast`: read, reckon, tell."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from textwrap import wrap

from evercert.acme.cas import LimitScope
from evercert.base.clock import SystemClock, from_epoch
from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifier
from evercert.cli.columns import in_columns
from evercert.cli.forecast import chart, heat, svg
from evercert.cli.forecast.pictures import charts, due_calendar
from evercert.cli.forecast.words import not_counted, rows, said, shared, verdict
from evercert.cli.output import Output
from evercert.cli.store import reading
from evercert.config.settings import Settings
from evercert.config.toml import span_from
from evercert.db.protocol import Database
from evercert.engine.forecast.change import UNCHANGED, Change
from evercert.engine.forecast.outlook import Outlook, Shortage, forecast
from evercert.engine.forecast.reading import Choice, Known, read_failing, read_fleet, read_rules, sampled
from evercert.host.files import write_durably
from evercert.observe.registered_domain import registered_domain

__all__ = ["Question", "picture", "show"]

_DAY = 86_400
_SECOND = 1_000_000
# Of limits that are met so many are told; of all in JSON.
_TOLD = 10
# A picture has as many columns, so that it stays small.
_COLUMNS = 60
_AXIS = 8


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked for, as it was typed; `to` is a CA's directory URL."""

    days: int
    choice: Choice
    life: str = ""
    growth: float = 1.0
    to: str = ""
    onboard: int = 0
    under: str = ""
    outage: str = ""
    failures: float | None = None
    svg: str = ""
    calendar: bool = False


async def show(output: Output, settings: Settings, question: Question) -> int:
    """Afterwards it was told, and the picture that was asked for is written."""
    now = SystemClock().now()
    async with reading(settings) as db:
        known = await read_fleet(db, now, question.choice, *([question.to] if question.to else []))
        change = await _change(db, question)
        outlooks = _outlooks(known, question.days, change, await read_failing(db, now))
        outlooks = [await _named(db, question.choice, outlook) for outlook in outlooks]
    if not known.fleet:
        output.note("there are no certificates to forecast; see `evercert list`")
        if change.onboard:
            output.warn("new ones are supposed to be like those that there are, so that none come here")
    elif not any(kind.chosen for kind in known.fleet.kinds):
        output.note("no certificate is like that; see all with `evercert list`")
    if question.svg:
        drawn = picture(outlooks[-1], question.days, calendar=question.calendar)
        write_durably(Path(question.svg), drawn.encode(), mode=0o644)
    if known.fleet.stopped:
        output.warn(
            f"{known.fleet.stopped:,} certificates are stopped, and are not reckoned with; see `evercert tasks`"
        )
    output.result(_document(known, outlooks, question), *_lines(outlooks, question, known.fleet.failing_over))
    return 0


async def _change(db: Database, question: Question) -> Change:
    def seconds(written: str) -> int:
        span = span_from(written) if written else None
        if span == timedelta():
            raise EvercertError("bad-input", f"{written} is no time", hint="leave the option out, or say 47d or 72h")
        return int(span.total_seconds()) if span else 0

    return Change(
        life=seconds(question.life),
        growth=question.growth,
        to=await read_rules(db, question.to) if question.to else None,
        onboard=question.onboard,
        under=registered_domain(parse_identifier(question.under)) if question.under else "",
        outage=seconds(question.outage),
        failing=question.failures,
    )


def _outlooks(known: Known, days: int, change: Change, failing: float) -> list[Outlook]:
    """As things are; and as they are supposed, where something is."""
    changes = [UNCHANGED, change] if change else [UNCHANGED]
    return [forecast(known.fleet, known.rules, known.books, days * _DAY, each, failing) for each in changes]


async def _named(db: Database, choice: Choice, outlook: Outlook) -> Outlook:
    """The same, with a name for each exact set of names whose limit is met."""
    places = [
        each.bucket.sample
        for each in outlook.shortages
        if each.bucket and each.bucket.limit.scope is LimitScope.CERTIFICATES_PER_SET
    ]
    if not places:
        return outlook
    names = await sampled(db, choice, places)
    return replace(outlook, shortages=tuple(_with_name(each, names) for each in outlook.shortages))


def _with_name(shortage: Shortage, names: dict[int, str]) -> Shortage:
    bucket = shortage.bucket
    if bucket is None or bucket.sample not in names:
        return shortage
    return replace(shortage, bucket=replace(bucket, subject=f"as in {names[bucket.sample]}"))


def _lines(outlooks: Sequence[Outlook], question: Question, failing_over: int) -> Iterator[str]:
    width = shutil.get_terminal_size((80, 24)).columns
    outlook = outlooks[-1]
    lines = [*_verdict_lines(outlook, question.days), *_pictures(outlook, width, question), "", *_table(outlooks)]
    lines += ["", *wrap(f"Not counted: {'; '.join(not_counted(failing_over))}", width)]
    unicode = "utf" in (sys.stdout.encoding or "").lower()
    return (line if unicode else chart.plain(line) for line in lines)


def _verdict_lines(outlook: Outlook, days: int) -> Iterator[str]:
    yield verdict(outlook, days)
    for shortage in outlook.shortages[1:_TOLD]:
        yield said(shortage)
    if len(outlook.shortages) > _TOLD:
        yield f"and {len(outlook.shortages) - _TOLD:,} limits more (all of them with --json)"
    yield from shared(outlook)


def _pictures(outlook: Outlook, width: int, question: Question) -> Iterator[str]:
    for each in charts(outlook, max(10, width - _AXIS)):
        yield ""
        yield from chart.drawn_chart(each, width)
    if question.calendar:
        yield ""
        yield from heat.drawn_calendar(due_calendar(outlook), width)


def _table(outlooks: Sequence[Outlook]) -> Iterator[str]:
    """What is asked of the world now, and beside it what would be."""
    columns = [list(rows(outlook.figures, outlook)) for outlook in outlooks]
    names = [name for name, _ in columns[0]]
    cells = [
        ["", *names],
        *([head, *(text for _, text in column)] for head, column in zip(_HEADS, columns, strict=False)),
    ]
    if len(columns) == 1:
        cells = [column[1:] for column in cells]
    yield from in_columns([*zip(*cells, strict=True)])


_HEADS = ("NOW", "SUPPOSED")


def picture(outlook: Outlook, days: int, *, calendar: bool) -> str:
    """The charts as SVG, with the verdict as their description."""
    return svg.document(
        f"Evercert forecast for {days} days",
        list(_verdict_lines(outlook, days)),
        list(charts(outlook, _COLUMNS)),
        due_calendar(outlook) if calendar else None,
    )


def _document(known: Known, outlooks: Sequence[Outlook], question: Question) -> dict[str, object]:
    outlook = outlooks[-1]
    steps, course = outlook.model.steps, outlook.course
    return {
        "verdict": verdict(outlook, question.days),
        "days": question.days,
        "certificates": outlook.model.chosen,
        "stopped": known.fleet.stopped,
        "not_counted": not_counted(known.fleet.failing_over),
        "lapsing": outlook.lapsing,
        "cas": [{"ca": ca.directory, "issues": count} for ca, count in outlook.shares],
        "limits": [_limit(shortage) for shortage in outlook.shortages],
        "now": asdict(outlooks[0].figures),
        "supposed": asdict(outlook.figures) if len(outlooks) > 1 else None,
        "series": {
            "begins": _moment(steps.start),
            "step_seconds": steps.size,
            "due": course.due,
            "renewals": course.renewals,
            "firsts": course.firsts,
            "waiting": course.waits,
        },
    }


def _limit(shortage: Shortage) -> dict[str, object]:
    bucket = shortage.bucket
    return {
        "ca": bucket.ca.directory if bucket else "",
        "scope": bucket.limit.scope.word if bucket else "outage",
        "subject": bucket.subject if bucket else "",
        "count": bucket.limit.count if bucket else 0,
        "period_seconds": int(bucket.limit.period.total_seconds()) if bucket else 0,
        "met_at": _moment(shortage.since),
        "going_on": shortage.passed,
        "waiting": shortage.waiting,
        "most_waiting": shortage.most,
        "longest_wait_seconds": shortage.longest,
        "lapsing": shortage.lapsing,
        "first_lapse": _moment(shortage.first_lapse) if shortage.first_lapse is not None else None,
        "waiting_at_the_end": shortage.left,
        "needed": shortage.need,
        "accounts_needed": shortage.accounts,
        "told": said(shortage),
    }


def _moment(seconds: int) -> object:
    return from_epoch(seconds * _SECOND)
