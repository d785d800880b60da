"""What `plan`, `apply` and `run` share: reading a declaration, and telling what it changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from evercert.base.errors import Exit
from evercert.cli.output import Output
from evercert.config.declaration.faults import Faulty
from evercert.engine.declaring.applying import Comparison
from evercert.engine.declaring.difference import Action, Change

__all__ = ["NOTHING", "comparison_document", "comparison_lines", "tell_faults"]

NOTHING = "nothing to do"

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


def comparison_document(comparison: Comparison) -> dict[str, object]:
    return {"changes": comparison.changes, "unchanged": comparison.unchanged}


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Each change with its reasons, and how many there are of each kind."""
    changes = comparison.changes
    for change in changes[:_SHOWN]:
        yield from _lines(change)
    if len(changes) > _SHOWN:
        yield f"  and {len(changes) - _SHOWN} more; see them all with --json"
    counts = Counter(change.action for change in changes)
    words = [f"{counts[action]} to {action.value}" for action in Action if counts[action]]
    yield f"{', '.join(words) or NOTHING}; {comparison.unchanged} unchanged"


def _lines(change: Change) -> Iterator[str]:
    yield f"{_MARKS[change.action]} {change.name}: {change.action.value}" + (
        f"  ({change.place})" if change.place else ""
    )
    yield from (f"    {reason}" for reason in change.reasons)
