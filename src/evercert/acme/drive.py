"""The two drivers: a flow's requests are sent, its sleeps slept. All that is asynchronous about ACME is here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from evercert.acme.step import Flow, SideBySide, Sleep, Step, Turn
from evercert.base.clock import Clock
from evercert.base.errors import NetworkFailure
from evercert.base.message import BlockingTransport, Request, Response, Transport
from evercert.base.waiting import all_ended

__all__ = ["OnWait", "drive", "drive_blocking"]

_T = TypeVar("_T")

# Told of each wait before it begins: its seconds, and its reason as a clause for the user.
OnWait = Callable[[float, str], None]


async def drive(flow: Flow[_T], transport: Transport, clock: Clock, on_wait: OnWait, turns: asyncio.Semaphore) -> _T:
    """The flow's result. Cancellable between any two steps: the flow is closed where it stands.

    No more requests are under way at once than *turns* has, whatever flows share it.
    """
    has_turn = False
    try:
        step = next(flow)
        while True:
            if isinstance(step, Request):
                step = _told(flow, await _answer(transport, step))
                continue
            if isinstance(step, Turn):
                if not has_turn:
                    has_turn = await turns.acquire()
            else:
                if has_turn:
                    turns.release()
                has_turn = False
                await _waited(step, transport, clock, on_wait, turns)
            step = next(flow)
    except StopIteration as done:
        result: _T = done.value
        return result
    finally:
        flow.close()
        if has_turn:
            turns.release()


async def _answer(transport: Transport, request: Request) -> Response | NetworkFailure:
    try:
        return await transport.send(request)
    except NetworkFailure as failure:
        return failure


def _told(flow: Flow[_T], answer: Response | NetworkFailure) -> Step:
    """What the flow wants next."""
    return flow.throw(answer) if isinstance(answer, NetworkFailure) else flow.send(answer)


async def _waited(
    step: Sleep | SideBySide[Any], transport: Transport, clock: Clock, on_wait: OnWait, turns: asyncio.Semaphore
) -> None:
    if isinstance(step, Sleep):
        on_wait(step.seconds, step.reason)
        await clock.sleep(step.seconds)
    else:
        step.results.extend(await _all(drive(each, transport, clock, on_wait, turns) for each in step.flows))


async def _all(work: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """What each returned; or the first failure, when none is left running."""
    results = await all_ended(work)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


def drive_blocking(flow: Flow[_T], transport: BlockingTransport, clock: Clock, on_wait: OnWait) -> _T:
    """`drive` without a loop; what may go side by side goes one after another."""
    try:
        step = next(flow)
        while True:
            if isinstance(step, Request):
                step = _told(flow, _answer_blocking(transport, step))
                continue
            if isinstance(step, Sleep):
                on_wait(step.seconds, step.reason)
                clock.sleep_blocking(step.seconds)
            elif isinstance(step, SideBySide):
                step.results.extend(drive_blocking(each, transport, clock, on_wait) for each in step.flows)
            step = next(flow)
    except StopIteration as done:
        result: _T = done.value
        return result
    finally:
        flow.close()


def _answer_blocking(transport: BlockingTransport, request: Request) -> Response | NetworkFailure:
    try:
        return transport.send(request)
    except NetworkFailure as failure:
        return failure
