"""The whole of an attempt is bounded: one that never ends is left, and the next one goes on with the same order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evercert.base.message import Request, Response
from evercert.engine.asking.attempting import Attempting
from evercert.engine.wiring import Engine
from evercert.model.task import Step
from evercert.store import certificates, health
from tests.engine.world import World

NAME = "www.a.test"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def attempting(engine: Engine) -> Attempting:
    readied: Any = engine.worker._hands[Step.ISSUE]
    made: Attempting = readied.hand.issue.attempting
    return made


def bounded(engine: Engine, longest: timedelta) -> None:
    """Afterwards no attempt takes longer."""
    readied: Any = engine.worker._hands[Step.ISSUE]
    issuing = replace(readied.hand.issue, attempting=replace(attempting(engine), longest=longest))
    engine.worker._hands[Step.ISSUE] = replace(readied, hand=replace(readied.hand, issue=issuing))


def stalled(reached: asyncio.Event) -> Callable[[Request], Awaitable[Response]]:
    """A CA that is asked in vain, for ever."""

    async def send(request: Request) -> Response:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    return send


async def begun(world: World, engine: Engine) -> None:
    """Afterwards there is an order, and nobody goes on with it."""
    reached, answer = asyncio.Event(), world.ca.send

    async def send(request: Request) -> Response:
        return await (stalled(reached) if "/challenge/" in request.url else answer)(request)

    world.ca.send = send  # type: ignore[method-assign]
    await certificates.declare(engine.db, world.intent(NAME), world.clock.now())
    settling = asyncio.create_task(engine.worker.settle(NAME))
    await reached.wait()
    settling.cancel()
    with suppress(asyncio.CancelledError):
        await settling
    world.ca.send = answer  # type: ignore[method-assign]


async def test_an_attempt_that_never_ends_is_left_and_the_next_one_goes_on_with_its_order(world: World) -> None:
    answer = world.ca.send
    async with world.engine() as engine:
        await begun(world, engine)
        before = (await world.fact(engine, NAME)).open_issuance
        assert before is not None
        bounded(engine, timedelta(milliseconds=36))
        world.ca.send = stalled(asyncio.Event())  # type: ignore[method-assign]
        await engine.worker.settle(NAME)
        fact = await world.fact(engine, NAME)
        assert fact.open_issuance == before
        assert fact.failure is not None
        assert fact.failure.code == "wait-exceeded"
        assert fact.failure.message == (
            f"{NAME}: the attempt was left after 1e-05 h, for it did not end; the next one goes on with the same order"
        )
        assert fact.retry_at is not None
        assert f"next attempt at {fact.retry_at:%Y-%m-%d %H:%M} UTC" in "\n".join(world.told)
        # No CA is blamed for what nobody in particular has done.
        assert (fact.trials, await health.outages(engine.db)) == ((), {})
        world.ca.send = answer  # type: ignore[method-assign]
        bounded(engine, DAY)
        await world.pass_time(engine, HOUR)
        assert (await world.fact(engine, NAME)).current is not None
    assert list(world.ca.orders) == [before.order_url]


@pytest.mark.parametrize(
    ("life", "longest"), [(90 * DAY, DAY), (6 * DAY, 18 * HOUR), (4 * HOUR, HOUR)], ids=["90 days", "6 days", "4 hours"]
)
async def test_an_attempt_has_no_more_of_a_life_than_leaves_time_for_others(
    tmp_path: Path, life: timedelta, longest: timedelta
) -> None:
    world = World(tmp_path, lifetime=life)
    async with world.engine() as engine:
        fact = await world.obtain(engine, world.intent(NAME))
        assert attempting(engine)._patience(fact) == longest
