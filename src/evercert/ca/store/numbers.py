"""Numbers for new rows, drawn so that no node has to ask another: the millisecond first, then chance."""

from __future__ import annotations

from datetime import datetime
from random import Random

from evercert.base.clock import to_epoch

__all__ = ["new_number"]

# 41 bits of milliseconds last until 2039; with 22 of chance, two of one millisecond meet once in four million.
_CHANCE = 22


def new_number(now: datetime, rng: Random) -> int:
    """A positive number of at most 63 bits, larger than those of earlier milliseconds."""
    return to_epoch(now) // 1000 << _CHANCE | rng.getrandbits(_CHANCE)
