"""Waiting: for whichever of several things comes first, for all of them, or for one that is not to be left half-way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any, TypeVar

__all__ = ["all_ended", "first_of", "to_its_end"]

T = TypeVar("T")


async def first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Returns once one of them has, or has failed, of which nothing is told. When it returns, or is cancelled, none of
    them runs."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def all_ended(work: Iterable[Awaitable[T]]) -> list[T | BaseException]:
    """What each returned or raised, in their order, done side by side; none is left running, also where we are
    cancelled. One alone is done in place: a certificate of one name would have some ten tasks made for nothing."""
    works = [*work]
    if len(works) != 1:
        return await asyncio.gather(*works, return_exceptions=True)
    return [await _in_place(works[0])]


async def _in_place(work: Awaitable[T]) -> T | BaseException:
    """What it returned or raised. Whoever is cancelled meanwhile is so afterwards, whatever the work made of that."""
    caller = asyncio.current_task()
    before = caller.cancelling() if caller else 0
    outcome: T | BaseException
    try:
        outcome = await work
    except Exception as error:
        outcome = error
    if caller and caller.cancelling() > before:
        raise asyncio.CancelledError
    return outcome


async def to_its_end(work: Coroutine[Any, Any, T], patience: float | None = None) -> T:
    """Returns or raises what the work does, when it has ended. Whoever is cancelled meanwhile, however often, or was
    cancelled before, still waits for that; after *patience* seconds of it (None: never) the work is cancelled, too."""
    doing, caller = asyncio.ensure_future(work), asyncio.current_task()
    hurry: asyncio.TimerHandle | None = None
    cancelled: asyncio.CancelledError | None = None
    while not doing.done():
        if patience is not None and hurry is None and caller is not None and caller.cancelling():
            hurry = asyncio.get_running_loop().call_later(patience, doing.cancel)
        try:
            await asyncio.wait({doing})
        except asyncio.CancelledError as error:
            cancelled = error
    if hurry is not None:
        hurry.cancel()
    failed = None if doing.cancelled() else doing.exception()
    if cancelled is not None:
        raise cancelled from failed
    return doing.result()
