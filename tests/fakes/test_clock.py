"""The fake clock keeps the promises that the tests of every room lean on."""

from __future__ import annotations

import asyncio

from tests.fakes.clock import FakeClock


async def test_sleepers_wake_in_the_order_of_their_moments() -> None:
    clock, woken = FakeClock(), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    await asyncio.gather(sleeper(30), sleeper(10), sleeper(20))
    assert woken == [(10, 10), (20, 20), (30, 30)]


async def test_a_sleeper_that_was_cancelled_does_not_move_the_time() -> None:
    clock = FakeClock()
    long = asyncio.create_task(clock.sleep(1000))
    short = asyncio.create_task(clock.sleep(1))
    await short
    long.cancel()
    await asyncio.gather(long, return_exceptions=True)
    assert clock.monotonic() == 1


async def test_a_timeout_in_virtual_time_wins_over_later_work() -> None:
    clock = FakeClock()

    async def work() -> str:
        for _ in range(10):
            await clock.sleep(3)
        return "work"

    async def deadline() -> str:
        await clock.sleep(20)
        return "deadline"

    tasks = [asyncio.create_task(work()), asyncio.create_task(deadline())]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == ["deadline"]
    assert clock.monotonic() == 20
    for task in pending:
        task.cancel()


def test_a_blocking_sleep_costs_only_virtual_time() -> None:
    clock = FakeClock()
    clock.sleep_blocking(3600)
    assert clock.monotonic() == 3600
    assert clock.slept == [3600]
