"""Histories as a person reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from evercert.base.errors import Exit
from evercert.cli.display import counted, span
from evercert.cli.output import Output
from evercert.simulation.history import History, live
from evercert.simulation.story import ALL_FAULTS, Wanted, told
from evercert.simulation.trace import span_words

__all__ = ["report"]


def report(output: Output, seeds: Sequence[int], wanted: Wanted) -> int:
    """Live the histories of those seeds and print what came of them; the exit status of the command."""
    histories = []
    for seed in seeds:
        output.progress("", f"the history of seed {seed}")
        histories.append(live(told(seed, wanted)))
    documents = [_document(history, wanted) for history in histories]
    broken = sum(bool(history.broken) for history in histories)
    lines = [line for history in histories for line in _lines(history, wanted, alone=len(seeds) == 1)]
    if len(seeds) > 1:
        lines.append(f"{len(seeds)} histories, {broken} of them against a law")
    output.result(documents[0] if len(seeds) == 1 else {"histories": documents, "broken": broken}, *lines)
    return Exit.FAILED.value if broken else Exit.OK.value


def _lines(history: History, wanted: Wanted, *, alone: bool) -> Iterator[str]:
    story = history.story
    words = {"certificate": story.certificates, "node": story.nodes, "CA": story.cas}
    kinds = ", ".join(counted(count, noun) for noun, count in words.items())
    yield f"seed {story.seed}: {kinds}, lives of {span(story.life)}, {span_words(story.end)}"
    if alone:
        yield from (f"  fault: {fault}" for fault in story.faults)
        yield from (f"  {what}: {count}" for what, count in history.counts.items())
        yield from (f"  failures ({code}): {count}" for code, count in sorted(history.failures.items()))
        yield from (f"  {lapse}" for lapse in history.lapses)
    if history.broken:
        yield "  the last that happened:"
        yield from (f"    {line}" for line in history.lines)
        yield from (f"  AGAINST A LAW: {law}" for law in history.broken)
        yield f"  again: {_again(story.seed, wanted)}"
    elif alone:
        yield f"  every law held; trace {history.digest[:16]}"


def _again(seed: int, wanted: Wanted) -> str:
    parts = [f"evercert simulate --seed {seed}"]
    for name in ("certificates", "days", "nodes"):
        if value := getattr(wanted, name):
            parts.append(f"--{name} {value}")
    if tuple(wanted.faults) != ALL_FAULTS:
        parts.append(f"--faults {','.join(kind.value for kind in wanted.faults) or 'none'}")
    return " ".join(parts)


def _document(history: History, wanted: Wanted) -> dict[str, Any]:
    story = history.story
    return {
        "seed": story.seed,
        "certificates": story.certificates,
        "nodes": story.nodes,
        "cas": story.cas,
        "life_seconds": story.life.total_seconds(),
        "seconds": story.end,
        "faults": [str(fault) for fault in story.faults],
        "counts": dict(history.counts),
        "failures": dict(history.failures),
        "lapses": [str(lapse) for lapse in history.lapses],
        "broken": list(history.broken),
        "last": list(history.lines) if history.broken else [],
        "trace": history.digest,
        "again": _again(story.seed, wanted),
    }
