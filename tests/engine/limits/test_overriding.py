"""A limit that is declared anew counts at once: for what was drawn under the old one, and for whoever waits."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from evercert.engine.limits import overriding
from evercert.engine.wiring import Engine
from evercert.model.access import CaAccess, OwnLimit
from evercert.store import certificates
from evercert.store import issued as certified
from tests.engine.world import World

HOUR = timedelta(hours=1)
NAMES = [f"c{n}.a.test" for n in range(12)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def granted(engine: Engine, world: World, *orders: int) -> None:
    """So many orders in three hours, or what is known of the CA: nothing."""
    own = tuple(OwnLimit("orders", count, 3 * 3600) for count in orders)
    await overriding.configure(engine.db, CaAccess(world.ca.directory_url, limits=own), world.clock.now())
    await engine.worker.settle_due()


async def issued(engine: Engine, world: World) -> int:
    return sum([(await world.fact(engine, name)).current is not None for name in NAMES])


async def wanted(engine: Engine, world: World) -> None:
    for name in NAMES:
        await certificates.declare(engine.db, world.intent(name), world.clock.now())
    await engine.worker.settle_due()


async def test_what_was_drawn_stays_drawn_and_who_waits_uses_what_is_granted(world: World) -> None:
    async with world.engine() as engine:
        await granted(engine, world, 3)
        await wanted(engine, world)
        assert await issued(engine, world) == 3
        # Nine of ten may be used, of which three are; one comes back every eighteen minutes.
        await granted(engine, world, 10)
        assert await issued(engine, world) == 9
        holds = [fact.hold.until for name in NAMES if (fact := await world.fact(engine, name)).hold]
        assert sorted(at - world.clock.now() for at in holds) == [n * HOUR * 3 / 10 for n in (1, 2, 3)]
        await world.pass_time(engine, HOUR)
        assert await issued(engine, world) == 12


async def test_a_lower_limit_is_used_up_by_what_was_drawn_under_the_higher_one(world: World) -> None:
    """And no more than that: who drew nine of ten does not owe three times all that there is now."""
    async with world.engine() as engine:
        await granted(engine, world, 10)
        await wanted(engine, world)
        assert await issued(engine, world) == 9
        await granted(engine, world, 3)
        await world.pass_time(engine, 0.9 * HOUR)
        assert await issued(engine, world) == 9
        for more in (1, 2, 3):
            await world.pass_time(engine, HOUR)
            assert await issued(engine, world) == 9 + more


async def test_nobody_waits_where_there_is_no_limit_any_more(world: World) -> None:
    async with world.engine() as engine:
        await granted(engine, world, 3)
        await wanted(engine, world)
        await granted(engine, world)
        assert await issued(engine, world) == 12


async def test_nobody_is_behind_those_that_waited_under_a_limit_that_is_no_more(world: World) -> None:
    async with world.engine() as engine:
        await granted(engine, world, 3)
        await wanted(engine, world)
        served = [fact.current for name in NAMES if (fact := await world.fact(engine, name)).current]
        for each in filter(None, served):
            await certified.revoked(engine.db, each.id, 1, world.clock.now())
        await engine.worker.settle_due()
        await granted(engine, world)
        assert await issued(engine, world) == 12


async def test_what_is_declared_again_moves_nobody(world: World) -> None:
    async with world.engine() as engine:
        await granted(engine, world, 3)
        await wanted(engine, world)
        before = [await world.fact(engine, name) for name in NAMES]
        await granted(engine, world, 3)
        assert [await world.fact(engine, name) for name in NAMES] == before
