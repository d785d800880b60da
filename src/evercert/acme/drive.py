"""The two drivers: a flow's requests are sent, its sleeps slept. All that is asynchronous about ACME is here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from evercert.acme.step import Flow, SideBySide, Sleep
from evercert.base.clock import Clock
from evercert.base.errors import NetworkFailure
from evercert.base.message import BlockingTransport, Transport

__all__ = ["OnWait", "drive", "drive_blocking"]

_T = TypeVar("_T")

# Told of each wait before it begins: its seconds, and its reason as a clause for the user.
OnWait = Callable[[float, str], None]

# Let's Encrypt's staging takes 20 requests a second from one address.
_WIDTH = 16


async def drive(flow: Flow[_T], transport: Transport, clock: Clock, on_wait: OnWait) -> _T:
    """The flow's result. Cancellable between any two steps: the flow is closed where it stands."""
    try:
        step = next(flow)
        while True:
            if isinstance(step, Sleep):
                on_wait(step.seconds, step.reason)
                await clock.sleep(step.seconds)
                step = next(flow)
            elif isinstance(step, SideBySide):
                width = asyncio.Semaphore(_WIDTH)
                step.results.extend(
                    await _all(_drive_within(width, each, transport, clock, on_wait) for each in step.flows)
                )
                step = next(flow)
            else:
                try:
                    response = await transport.send(step)
                except NetworkFailure as failure:
                    step = flow.throw(failure)
                else:
                    step = flow.send(response)
    except StopIteration as done:
        result: _T = done.value
        return result
    finally:
        flow.close()


def drive_blocking(flow: Flow[_T], transport: BlockingTransport, clock: Clock, on_wait: OnWait) -> _T:
    """`drive` without a loop; what may go side by side goes one after another."""
    try:
        step = next(flow)
        while True:
            if isinstance(step, Sleep):
                on_wait(step.seconds, step.reason)
                clock.sleep_blocking(step.seconds)
                step = next(flow)
            elif isinstance(step, SideBySide):
                step.results.extend(drive_blocking(each, transport, clock, on_wait) for each in step.flows)
                step = next(flow)
            else:
                try:
                    response = transport.send(step)
                except NetworkFailure as failure:
                    step = flow.throw(failure)
                else:
                    step = flow.send(response)
    except StopIteration as done:
        result: _T = done.value
        return result
    finally:
        flow.close()


async def _drive_within(
    width: asyncio.Semaphore, flow: Flow[_T], transport: Transport, clock: Clock, on_wait: OnWait
) -> _T:
    async with width:
        return await drive(flow, transport, clock, on_wait)


async def _all(work: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """What each returned; or the first failure, when none is left running."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
