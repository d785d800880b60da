"""What must hold of a fleet, whatever happened to it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

from tests.fleet.estate import Estate

__all__ = ["check"]


def check(fleet: Estate) -> None:
    """Nothing lapsed, nothing was issued twice, nothing was lost, and the history is whole."""
    issued = asyncio.run(fleet.issued())
    assert not fleet.seen.lapses, fleet.seen.lapses[:10]
    assert fleet.seen.looks > 10
    ours = {each.serial for found in issued.values() for each in found}
    theirs = fleet.certified()
    assert ours <= theirs, "the CA does not know what the store has"
    assert theirs - ours == set(), "the CA has issued what is not in the store: an order was lost, or made twice"
    for name, found in issued.items():
        for before, after in pairwise(found):
            # A renewal falls due at half of the life at the earliest; CAs and clocks round to seconds.
            soonest = before.since + (before.until - before.since) / 2 - timedelta(seconds=2)
            assert after.at >= soonest, f"{name} was renewed at {after.at}, too early for {before}"
    assert asyncio.run(fleet.verified()) >= 3 * len(issued)
