"""Whichever comes first ends the wait, and the others with it."""

from __future__ import annotations

import asyncio

import pytest

from evercert.base.waiting import all_ended, first_of, to_its_end


async def test_the_first_ends_the_wait_and_the_others_have_ended_then() -> None:
    here, ended = asyncio.Event(), list[str]()

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # it takes a turn of the loop to put away what it had
            ended.append("never")

    asyncio.get_running_loop().call_soon(here.set)
    await first_of(here.wait(), never())
    assert ended == ["never"]


async def test_one_that_fails_is_one_that_came() -> None:
    async def fails() -> None:
        raise ValueError("not here")

    await first_of(asyncio.Event().wait(), fails())


async def test_whoever_is_cancelled_leaves_nothing_running() -> None:
    ended, begun = asyncio.Event(), asyncio.Event()

    async def never() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(first_of(never()))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()


async def test_what_is_not_to_be_left_half_way_ends_before_whoever_was_cancelled() -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), list[str]()

    async def work() -> None:
        begun.set()
        await may_end.wait()
        ended.append("work")

    async def caller() -> None:
        try:
            await to_its_end(work(), 60)
        finally:
            ended.append("caller")

    calling = asyncio.create_task(caller())
    await begun.wait()
    for _ in range(3):
        calling.cancel()
        await asyncio.sleep(0)
    assert ended == []
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert ended == ["work", "caller"]


@pytest.mark.parametrize("before", [True, False])
async def test_whoever_is_cancelled_waits_only_for_so_long(before: bool) -> None:
    begun, ended = asyncio.Event(), list[str]()

    async def never() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    async def caller() -> None:
        try:
            if before:
                begun.set()
                await asyncio.Event().wait()
        finally:
            await to_its_end(never(), 0.01)

    calling = asyncio.create_task(caller())
    await begun.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(calling, 60)
    assert ended == ["work"]


async def test_what_the_work_raises_is_raised() -> None:
    async def fails() -> None:
        raise ValueError("not here")

    with pytest.raises(ValueError, match="not here"):
        await to_its_end(fails(), 60)


async def _says(word: str) -> str:
    await asyncio.sleep(0)
    return word


async def _fails(word: str) -> str:
    await asyncio.sleep(0)
    raise ValueError(word)


@pytest.mark.parametrize("words", [[], ["a"], ["a", "b"]])
async def test_what_each_returned_or_raised_is_told_in_order(words: list[str]) -> None:
    assert await all_ended(_says(word) for word in words) == words
    assert [str(each) for each in await all_ended(_fails(word) for word in words)] == words


@pytest.mark.parametrize("count", [1, 2])
async def test_none_of_all_is_left_running_by_whoever_is_cancelled(count: int) -> None:
    begun, ended = asyncio.Event(), list[str]()

    async def never() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("never")

    works = [never() for _ in range(count)]
    waiting = asyncio.create_task(all_ended(works))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == ["never"] * count


@pytest.mark.parametrize("count", [1, 2])
async def test_whoever_was_cancelled_is_so_whatever_the_work_makes_of_it(count: int) -> None:
    begun = asyncio.Event()

    async def takes_no_notice() -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done all the same"
        return "never"

    works = [takes_no_notice() for _ in range(count)]
    waiting = asyncio.create_task(all_ended(works))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
