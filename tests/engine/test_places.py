"""A place is held for a while only, and there are never more of them than there are."""

from __future__ import annotations

import asyncio

from evercert.engine.places import Places


async def test_no_more_than_there_are_hold_one_and_who_takes_long_holds_none() -> None:
    places, may_end, inside = Places(2, long=0.05), asyncio.Event(), list[int]()

    async def work(number: int) -> None:
        async with places.one():
            inside.append(number)
            await may_end.wait()

    working = [asyncio.create_task(work(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert (inside, places.taken, places.without) == ([0, 1], True, 0)
    async with asyncio.timeout(60):
        while places.without < 5:
            await asyncio.sleep(0.01)
    assert (inside, places.taken) == ([0, 1, 2, 3, 4], False)
    may_end.set()
    await asyncio.gather(*working)
    assert places.without == 0
    async with places.one(), places.one():
        assert places.taken
    assert not places.taken
