"""A slow CA keeps its own certificates waiting, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evercert.base.message import Request, Response
from evercert.engine.asking.lingering import Lingering
from evercert.engine.wiring import Engine
from evercert.model.task import Step
from evercert.store import certificates, health
from tests.engine.world import World
from tests.fakes.clock import FakeClock

CA, OTHER = "https://ca.test/directory", "https://other.test/directory"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_those_that_take_long_are_counted_for_each_ca() -> None:
    clock = FakeClock()
    lingering = Lingering(clock, 2)
    with lingering.attempt([CA]), lingering.attempt([CA, OTHER]):
        assert lingering.outages() == {}
        clock.advance(61)
        assert set(lingering.outages()) == {CA}
        with lingering.attempt([OTHER]):
            assert OTHER not in lingering.outages()
            clock.advance(61)
            assert set(lingering.outages()) == {CA, OTHER}
    assert lingering.outages() == {}


def few_may_linger(world: World, engine: Engine) -> None:
    """Afterwards one attempt that takes long is enough to have its CA taken for a slow one."""
    readied: Any = engine.worker._hands[Step.ISSUE]
    issuing = replace(readied.hand.issue, lingering=Lingering(world.clock, 1))
    engine.worker._hands[Step.ISSUE] = replace(readied, hand=replace(readied.hand, issue=issuing))


def stalled(world: World, validating: asyncio.Event) -> Callable[[Request], Awaitable[Response]]:
    """What the CA does that never validates what is asked first."""
    answer = world.ca.send

    async def send(request: Request) -> Response:
        if "/challenge/" in request.url and not validating.is_set():
            validating.set()
            await asyncio.Event().wait()
        return await answer(request)

    return send


async def test_of_a_ca_where_many_wait_no_more_is_asked_for_a_while_and_of_others_it_is(world: World) -> None:
    other, validating = world.another_ca("https://other.test"), asyncio.Event()
    async with world.engine() as engine:
        few_may_linger(world, engine)
        world.ca.send = stalled(world, validating)  # type: ignore[method-assign]
        await certificates.declare(engine.db, world.intent("slow.test"), world.clock.now())
        waiting = asyncio.create_task(engine.worker.settle("slow.test"))
        async with asyncio.timeout(60):
            await validating.wait()
        world.clock.advance(61)
        put_off = await world.obtain(engine, world.intent("next.test"))
        assert put_off.hold is not None
        assert "is not asked before: it is slow" in put_off.hold.limit
        assert put_off.failures == len(world.ca.orders) - 1 == 0
        assert await health.outages(engine.db) == {}
        elsewhere = await world.obtain(engine, world.intent("else.test", ca=other.directory_url))
        assert elsewhere.current is not None
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await world.pass_time(engine, timedelta(minutes=10))
        assert (await world.fact(engine, "next.test")).current is not None
