"""What `plan`, `apply` and `run` share: reading a declaration, and telling what it changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from evercert.base.errors import Exit
from evercert.cli.display import when
from evercert.cli.output import Output
from evercert.config.declaration.faults import Fault, Faulty
from evercert.engine.declaring.applying import Comparison
from evercert.engine.declaring.difference import Action, Change
from evercert.engine.installing import installable

__all__ = ["NOTHING", "comparison_document", "comparison_lines", "tell_doubts", "tell_faults"]

NOTHING = "nothing to do"

# Something is installed because of them.
_REACHING = frozenset({Action.CREATE, Action.REISSUE, Action.REINSTALL})

# Of more changes than these only the first are printed; `--json` has all.
_SHOWN = 200

_MARKS = {
    Action.CREATE: "+",
    Action.REISSUE: "~",
    Action.REINSTALL: "~",
    Action.CHANGE: "~",
    Action.ADOPT: "=",
    Action.KEEP: "=",
    Action.WAIT: "-",
    Action.CONFIGURE: "~",
    Action.REMOVE: "-",
    Action.DELETE: "-",
    Action.REVOKE: "-",
}


def tell_faults(output: Output, faulty: Faulty) -> int:
    """Each fault in a line; the exit status."""
    for fault in faulty.faults:
        output.failure(str(fault), fault.hint)
    if output.json:
        error = {"code": faulty.code.name, "message": str(faulty), "hint": faulty.hint, "faults": faulty.faults}
        output.result({"error": error})
    return Exit.USAGE.value


def tell_doubts(output: Output, doubts: Sequence[Fault]) -> None:
    """Each in a line, as a warning."""
    for doubt in doubts[:_SHOWN]:
        output.warn(str(doubt), doubt.hint)


def comparison_document(comparison: Comparison, doubts: Sequence[Fault], now: datetime) -> dict[str, object]:
    return {"changes": [*_timed(comparison, now)], "unchanged": comparison.unchanged, "warnings": doubts}


def comparison_lines(comparison: Comparison, now: datetime) -> Iterator[str]:
    """Each change with its reasons, and how many there are of each kind."""
    changes = [*_timed(comparison, now)]
    for change in changes[:_SHOWN]:
        yield from _lines(change)
    if len(changes) > _SHOWN:
        yield f"  and {len(changes) - _SHOWN} more; see them all with --json"
    counts = Counter(change.action for change in changes)
    words = [f"{counts[action]} to {action.value}" for action in Action if counts[action]]
    yield f"{', '.join(words) or NOTHING}; {comparison.unchanged} unchanged"


def _timed(comparison: Comparison, now: datetime) -> Iterator[Change]:
    """The changes; with those that would reach servers, before when they do not."""
    terms = {each.intent.name: each.intent.terms for each in comparison.wanted if each.intent.targets}
    for change in comparison.changes:
        until, why = installable(terms[change.name], now) if change.name in terms else (now, "")
        if not why or change.action not in _REACHING:
            yield change
            continue
        limit = "" if change.action is Action.CREATE else ", unless what is served would be over"
        words = f"it is not installed before {when(until)}{limit}: {why}"
        yield msgspec.structs.replace(change, reasons=(*change.reasons, words))


def _lines(change: Change) -> Iterator[str]:
    yield f"{_MARKS[change.action]} {change.name}: {change.action.value}" + (
        f"  ({change.place})" if change.place else ""
    )
    yield from (f"    {reason}" for reason in change.reasons)
