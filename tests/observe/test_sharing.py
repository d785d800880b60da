from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from evercert.base.errors import EvercertError
from evercert.base.probe import CaaRecord
from evercert.observe.sharing import SharedCaa
from tests.fakes.clock import FakeClock

RECORD = CaaRecord(0, "issue", "ca.test")


class Slow:
    """A resolver that answers when it is let; a name that begins with `broken` it never resolves."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0
        self.may = asyncio.Event()

    async def caa(self, name: str) -> Sequence[CaaRecord]:
        self.asked.append(name)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.may.wait()
        self.at_once -= 1
        if name.startswith("broken"):
            raise EvercertError("dns", "no answer", hint="look there")
        return [RECORD]


async def test_what_many_ask_for_at_the_same_time_is_asked_once_and_kept_for_a_minute() -> None:
    slow, clock = Slow(), FakeClock()
    shared = SharedCaa(slow, clock)
    asking = asyncio.gather(*(shared.caa("example.test") for _ in range(100)))
    slow.may.set()
    assert await asking == [[RECORD]] * 100
    clock.advance(59)
    await shared.caa("example.test")
    assert slow.asked == ["example.test"]
    clock.advance(1)
    await shared.caa("example.test")
    assert len(slow.asked) == 2


async def test_few_questions_are_under_way_at_once() -> None:
    slow = Slow()
    shared = SharedCaa(slow, FakeClock())
    asking = asyncio.gather(*(shared.caa(f"n{number}.test") for number in range(100)))
    while len(slow.asked) < 16:
        await asyncio.sleep(0)
    slow.may.set()
    await asking
    assert slow.most_at_once == 16


async def test_whoever_asks_is_cancelled_alone() -> None:
    slow = Slow()
    shared = SharedCaa(slow, FakeClock())
    first = asyncio.create_task(shared.caa("example.test"))
    second = asyncio.create_task(shared.caa("example.test"))
    while not slow.asked:
        await asyncio.sleep(0)
    first.cancel()
    slow.may.set()
    assert await second == [RECORD]


async def test_a_failure_is_kept_as_well_and_what_is_forgotten_is_asked_anew() -> None:
    slow = Slow()
    shared = SharedCaa(slow, FakeClock())
    slow.may.set()
    for _ in range(2):
        with pytest.raises(EvercertError, match="no answer") as failure:
            await shared.caa("broken.test")
        assert failure.value.hint == "look there"
    assert len(slow.asked) == 1
    shared.forget("broken.test")
    with pytest.raises(EvercertError, match="no answer"):
        await shared.caa("broken.test")
    assert len(slow.asked) == 2


async def test_no_more_than_some_thousand_answers_are_kept() -> None:
    slow = Slow()
    shared = SharedCaa(slow, FakeClock())
    slow.may.set()
    for number in [*range(4097), 4096, 0]:
        await shared.caa(f"n{number}.test")
    assert slow.asked[-2:] == ["n4096.test", "n0.test"]
