"""Claims: among the tasks of one process, and between processes (which open the file on their own)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evercert.engine.claims import Claims, Taken
from tests.fakes.clock import FakeClock


async def test_of_three_tasks_never_two_hold_one_claim(tmp_path: Path) -> None:
    claims, inside, most = Claims(tmp_path / "claims.lock", FakeClock()), 0, 0

    async def work(begin: int) -> None:
        nonlocal inside, most
        for _ in range(begin):
            await asyncio.sleep(0)
        async with claims.hold("a.test"):
            inside += 1
            most = max(most, inside)
            for _ in range(10):
                await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work(begin) for begin in (0, 5, 12)))
    claims.close()
    assert most == 1


async def test_who_does_not_wait_is_told_that_it_is_taken(tmp_path: Path) -> None:
    one, other = (Claims(tmp_path / "claims.lock", FakeClock()) for _ in range(2))
    async with one.hold("a.test"):
        for claims in (one, other):
            with pytest.raises(Taken):
                async with claims.hold("a.test", waits=False):
                    pass
    async with other.hold("a.test", waits=False), other.hold("b.test", waits=False):
        pass
    one.close()
    other.close()
