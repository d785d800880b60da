"""An order of which nobody heard is looked for before another one is placed, but not for ever."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from evercert.acme.problem import ProblemType
from tests.engine.world import World
from tests.fakes.ca import Fault

NAME, MINUTE = "www.a.test", timedelta(minutes=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_while_a_ca_cannot_list_its_orders_none_is_placed_a_second_time(world: World) -> None:
    async with world.engine() as engine:
        world.ca.fail("new-order", Fault.unanswered())
        await world.obtain(engine, world.intent(NAME))
        world.ca.fail("orders", Fault.answered(500), times=10_000)
        await world.pass_time(engine, 20 * MINUTE)
        assert (await world.fact(engine, NAME)).current is None
        assert len(world.ca.orders) == 1
        world.ca.forgive()
        await world.pass_time(engine, timedelta(hours=2))
        assert (await world.fact(engine, NAME)).current is not None
        assert len(world.ca.orders) == 1


async def test_a_list_that_cannot_be_had_for_an_hour_costs_no_certificate_and_no_order_is_left(world: World) -> None:
    async with world.engine() as engine:
        world.ca.fail("new-order", Fault.unanswered())
        await world.obtain(engine, world.intent(NAME))
        world.ca.fail("orders", Fault.answered(500), times=10_000)
        await world.pass_time(engine, timedelta(hours=3))
        assert (await world.fact(engine, NAME)).current is not None
        assert [each.status for each in world.ca.orders.values()] == ["pending", "valid"]
        world.ca.forgive()
        await world.pass_time(engine, timedelta(hours=12))
        lost, _ = world.ca.orders.values()
        assert {world.ca.authorizations[url].status for url in lost.authorizations} == {"deactivated"}


async def test_a_ca_that_says_it_has_no_list_is_not_asked_again(world: World) -> None:
    async with world.engine() as engine:
        world.ca.fail("new-order", Fault.unanswered())
        world.ca.fail("orders", Fault.refused(ProblemType.MALFORMED, "method not allowed"), times=10_000)
        await world.obtain(engine, world.intent(NAME))
        await world.pass_time(engine, 2 * MINUTE)
        assert (await world.fact(engine, NAME)).current is not None
        assert world.ca.seen["orders"] == 1
