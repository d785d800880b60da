"""Whichever comes first ends the wait, and the others with it."""

from __future__ import annotations

import asyncio

import pytest

from evercert.base.waiting import first_of


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
