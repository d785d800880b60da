"""Blocking work beside the loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from evercert.base.apart import apart


async def test_it_returns_and_raises_what_the_work_does_and_others_go_on_meanwhile() -> None:
    let_go = threading.Event()
    waiting = asyncio.create_task(apart(let_go.wait, 10))
    let_go.set()
    assert await waiting
    with pytest.raises(ZeroDivisionError):
        await apart(divmod, 1, 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_whoever_is_cancelled_leaves_when_the_work_is_done(fails: bool) -> None:
    began, let_go, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        let_go.wait(10)
        ended.set()
        if fails:
            raise OSError

    waiting = asyncio.create_task(apart(work))
    await asyncio.to_thread(began.wait, 10)
    for _ in range(2):  # by one who drains, and again by one who is in a hurry
        waiting.cancel()
        await asyncio.sleep(0)
        assert not waiting.done()
    let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()
