"""How nodes take work over from each other: when what one is at counts as left, and how often the others look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

__all__ = ["Pace"]


@dataclass(frozen=True, slots=True)
class Pace:
    """A validation, or an order that is being completed, is its node's for a `turn`: longer than the slowest of them,
    for what is not ended by then has died with its node. Every `look` a node looks for what others have left.

    Whoever was too slow does no harm: whatever ends a turn's work is written only while no later turn has begun."""

    turn: timedelta = timedelta(seconds=60)
    look: timedelta = timedelta(seconds=15)
