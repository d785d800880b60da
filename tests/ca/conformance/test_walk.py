"""Many clients, two nodes, one database, deaths: what must be true of it after every step is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest

from evercert.ca.store.schema import MIGRATIONS
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from tests.ca.conformance.walk import Walk


@pytest.mark.parametrize("seed", range(6))
async def test_a_walk_breaks_no_law(tmp_path: Path, seed: int) -> None:
    await walked(tmp_path, tmp_path / "shared.db", seed, 60)


async def test_a_walk_over_postgresql_breaks_none_either(
    tmp_path: Path, new_place: Callable[[Sequence[Migration]], Place]
) -> None:
    await walked(tmp_path, new_place(MIGRATIONS), 20, 25)


async def walked(folder: Path, place: Place, seed: int, steps: int) -> None:
    async with AsyncExitStack() as stack:
        walk = Walk(folder / "ca", place, Random(seed), stack)
        await walk.begin()
        for _ in range(steps):
            await walk.step()
        await walk.settle()
