"""Virtual time, and lives that are stopped and killed in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from evercert.simulation.clock import BEGIN, LifeClock, WorldClock
from evercert.simulation.loop import Life, Standstill, VirtualLoop

DAY = 86_400.0


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.close()


def test_a_year_passes_at_once(loop: VirtualLoop) -> None:
    loop.run_until_complete(asyncio.sleep(365 * DAY))
    assert loop.time() == 365 * DAY
    assert (WorldClock(loop).now() - BEGIN).days == 365


def test_sleepers_wake_in_the_order_of_their_moments(loop: VirtualLoop) -> None:
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(loop.time())

    async def all_of_them() -> None:
        await asyncio.gather(sleep(3), sleep(1), sleep(2))

    loop.run_until_complete(all_of_them())
    assert woken == [1, 2, 3]


def test_a_timeout_needs_no_time_of_ours(loop: VirtualLoop) -> None:
    async def too_long() -> None:
        async with asyncio.timeout(10):
            await asyncio.sleep(DAY)

    with pytest.raises(TimeoutError):
        loop.run_until_complete(too_long())
    assert loop.time() == 10


def test_what_a_thread_would_do_is_done_at_once(loop: VirtualLoop) -> None:
    assert loop.run_until_complete(asyncio.wait_for(_threaded(), 1)) == 3
    assert loop.time() == 0


async def _threaded() -> int:
    return await asyncio.to_thread(sum, (1, 2))


def test_where_everybody_waits_for_somebody_else_nothing_goes_on(loop: VirtualLoop) -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    waiting = loop.create_task(forever())
    with pytest.raises(Standstill):
        loop.run_until_complete(waiting)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(waiting)


def test_who_is_paused_does_nothing_until_he_goes_on(loop: VirtualLoop) -> None:
    life, done = Life("a"), list[float]()

    async def work() -> None:
        while True:
            await asyncio.sleep(1)
            done.append(loop.time())

    async def story() -> None:
        life.begin(loop, work())
        await asyncio.sleep(2.5)
        life.paused = True
        await asyncio.sleep(10)
        assert done == [1, 2]
        loop.resume(life)
        await asyncio.sleep(1.2)
        life.die()
        await asyncio.sleep(10)

    loop.run_until_complete(story())
    assert done == [1, 2, 12.5, 13.5]


def test_who_is_dead_comes_no_further_than_the_next_thing_outside(loop: VirtualLoop) -> None:
    life = Life("a")
    clock = LifeClock(loop, life)
    done: list[str] = []

    async def work() -> None:
        try:
            await clock.sleep(DAY)
        finally:
            done.append("tries to tidy up")
            await clock.sleep(1)
            done.append("has tidied up")

    async def story() -> None:
        task = life.begin(loop, work())
        await asyncio.sleep(5)
        life.die()
        await asyncio.wait({task})

    loop.run_until_complete(story())
    assert done == ["tries to tidy up"]
    assert loop.time() == 5


def test_tasks_of_a_life_die_with_it(loop: VirtualLoop) -> None:
    life = Life("a")

    async def parent() -> None:
        asyncio.get_running_loop().create_task(asyncio.sleep(DAY))
        await asyncio.sleep(1)

    async def story() -> None:
        before = asyncio.all_tasks()
        life.begin(loop, parent())
        await asyncio.sleep(5)
        assert len(asyncio.all_tasks() - before) == 1
        life.die()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before

    loop.run_until_complete(story())


def test_a_clock_may_be_wrong(loop: VirtualLoop) -> None:
    from datetime import timedelta

    clock = LifeClock(loop, Life("a"))
    clock.wrong = timedelta(minutes=-3)
    assert BEGIN - clock.now() == timedelta(minutes=3)
    assert clock.monotonic() == 0
