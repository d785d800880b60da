"""The same seed is the same history, in this process and in any other."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from evercert.simulation.history import live
from evercert.simulation.story import Wanted, told

_LIVE = "import sys; from evercert.simulation.history import live; from evercert.simulation.story import Wanted, told; "


@pytest.mark.parametrize("seed", [3, 9, 70])
def test_a_seed_is_one_history(seed: int) -> None:
    once, again = live(told(seed, Wanted())), live(told(seed, Wanted()))
    assert once.digest == again.digest
    assert once.counts == again.counts


def test_another_seed_is_another_history() -> None:
    assert live(told(1, Wanted())).digest != live(told(2, Wanted())).digest


def test_a_history_does_not_depend_on_the_process() -> None:
    """Neither on how Python scatters its sets there, nor on what ran before."""
    program = _LIVE + "print(live(told(9, Wanted())).digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": scatter},
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        ).stdout
        for scatter in ("1", "2")
    }
    assert digests == {live(told(9, Wanted())).digest + "\n"}
