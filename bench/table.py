"""Costs as text for people: one table for each question, Evercert first, the others with their ratio to it."""

from __future__ import annotations

import resource
from collections.abc import Mapping, Sequence

from bench.measure import Cost

__all__ = ["print_rows", "print_table"]


def print_table(question: str, costs: Mapping[str, Cost]) -> None:
    """The first row is what the others are compared with."""
    first = next(iter(costs.values()))
    heads = ("", "wall s", "x", "CPU s", "CPU ms each", "peak MB", "")
    print_rows(question, [heads, *(_cells(name, cost, first) for name, cost in costs.items())])


def print_rows(question: str, rows: Sequence[tuple[str, ...]]) -> None:
    """The first of *rows* is the heads; the first column is text, the others are figures."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print(f"\n{question}")
    for row in rows:
        cells = [
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  " + "  ".join(cells).rstrip(), flush=True)


def _cells(name: str, cost: Cost, first: Cost) -> tuple[str, ...]:
    each = cost.cpu * 1000 / cost.wanted
    note = f"extrapolated from {cost.done} measured" if cost.is_extrapolated else ""
    ratio = f"{cost.wall / first.wall:.1f}"
    return name, f"{cost.wall:.3f}", ratio, f"{cost.cpu:.3f}", f"{each:.1f}", _peak(cost), note


def _peak(cost: Cost) -> str:
    # The kernel counts a new process's memory from its parent's, so less than ours cannot be seen (getrusage(2)).
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{cost.peak:.0f}" if cost.peak > ours + 1 else f"<{ours:.0f}"
