"""Doing several things at once of which one is enough."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from evercert.base.errors import EvercertError
from evercert.base.waiting import all_ended

__all__ = ["race"]

_T = TypeVar("_T")


async def race(entrants: Sequence[Coroutine[Any, Any, _T]]) -> list[_T | EvercertError | None]:
    """What each returned or raised, in their order; None for one that was stopped because another had succeeded.

    When it returns, or is cancelled, none of them runs. What is no `EvercertError` is raised.
    """
    if len(entrants) == 1:
        return [_told(each) for each in await all_ended(entrants)]
    tasks = [asyncio.create_task(each) for each in entrants]
    try:
        await _one_succeeds(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [_outcome(task) for task in tasks]


async def _one_succeeds(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Returns as soon as one has, or none can any more."""
    running = set(tasks)
    while running:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        if not all(isinstance(task.exception(), EvercertError) for task in done):
            return


def _outcome(task: asyncio.Task[_T]) -> _T | EvercertError | None:
    if task.cancelled():
        return None
    return _told(task.exception() or task.result())


def _told(outcome: _T | BaseException) -> _T | EvercertError:
    if isinstance(outcome, BaseException) and not isinstance(outcome, EvercertError):
        raise outcome
    return outcome
