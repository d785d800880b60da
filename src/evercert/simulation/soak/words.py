"""A soak's report, for people."""

from __future__ import annotations

from collections.abc import Iterator

from evercert.engine.limits.spending import called
from evercert.simulation.clock import BEGIN
from evercert.simulation.soak.columns import moment_of
from evercert.simulation.soak.soak import Report
from evercert.simulation.soak.tally import Lapse, Tally

__all__ = ["told"]


def told(report: Report) -> Iterator[str]:
    """Line by line: what was foreseen, what happened, and whether the one fits the other."""
    given, tally = report.given, report.tally
    lives = ", ".join(f"{life / 86_400:g}" for life in given.lives)
    years = given.seconds / 86_400 / 365
    yield f"{given.certificates:,} certificates of {lives} days over {years:g} years, seed {given.seed}"
    yield from _foreseen(report)
    yield from _counts(tally)
    yield f"lapsed: {tally.lapsed:,}, {report.unforeseen:,} of them unforeseen"
    for why, count in tally.reasons.most_common():
        yield f"  {count:,} waited because: {why}"
    yield from map(_lapse, tally.lapses)
    yield from (f"broken: {each}" for each in report.broken)


def _foreseen(report: Report) -> Iterator[str]:
    yield "foreseen, and what came of it:"
    for each in report.forecasts:
        came = sum(each.at <= moment <= each.until for moment in report.tally.lapsed_at)
        span = f"{moment_of(each.at):%Y-%m-%d} to {moment_of(each.until):%Y-%m-%d}"
        yield f"  {span}, {each.what}: {each.waiting:,} wait, {each.lapsing:,} lapse; {came:,} lapsed"
        yield from (f"    {need}" for need in each.needs[:5])
        if len(each.issued) > 1:
            yield f"    issued by {', '.join(f'{called(ca)}: {count:,}' for ca, count in each.issued)}"


def _counts(tally: Tally) -> Iterator[str]:
    for ca, count in tally.issued.most_common():
        by = {word: drawn for (directory, word), drawn in sorted(tally.orders.items()) if directory == ca}
        counted = ", ".join(f"{word} {drawn:,}" for word, drawn in by.items()) or "nothing"
        yield f"issued by {called(ca)}: {count:,}; counted there by: {counted}"
    yield f"first certificates: {tally.firsts:,}; orders that no limit counts: {tally.exempt:,}"
    yield f"held by a limit: {tally.held:,}; failed and tried again: {tally.failed:,}; 429: {tally.refused:,}"
    yield f"asked in vain (silence): {tally.silent:,}; looks while nobody was to be asked: {tally.postponed:,}"
    yield f"most that waited at once: {tally.most_waiting:,}; waiting at the end: {len(tally.waiting):,}"
    yield f"least that was left of a life at its renewal: {tally.least:.2%}"
    if tally.closest is not None:
        yield f"nearest that a replacement came to a revocation: {tally.closest / 3600:.1f} hours"


def _lapse(lapse: Lapse) -> str:
    hours = lapse.seconds / 3600
    day = (moment_of(lapse.at) - BEGIN).days
    return f"  certificate {lapse.number} on day {day} for {hours:.1f} hours: {lapse.why}"
