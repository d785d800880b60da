"""A thousand short histories in which everything fails that can, and no law is broken."""

from __future__ import annotations

import pytest

from evercert.simulation.history import live
from evercert.simulation.story import Wanted, told

SEEDS = 1000

PORTION = 20


@pytest.mark.parametrize("first", range(0, SEEDS, PORTION))
@pytest.mark.timeout(300)
def test_every_law_holds_in_every_history(first: int) -> None:
    for seed in range(first, first + PORTION):
        history = live(told(seed, Wanted()))
        last = "\n".join(history.lines)
        assert not history.broken, f"evercert simulate --seed {seed}: {history.broken}\n{last}"
        assert history.counts["certificates"] > 0
