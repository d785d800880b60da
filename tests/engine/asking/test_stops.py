"""A certificate that somebody has stopped: what was begun is given up, nothing is asked for, until it is resumed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from evercert.acme.problem import ProblemType
from evercert.engine.wiring import Engine
from evercert.model.fact import DeployStatus
from evercert.store import certificates, tasks
from tests.engine.world import World
from tests.fakes.ca import Fault

DAY = timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def stopped(world: World, engine: Engine) -> None:
    assert await tasks.stop(engine.db, "www.a.test", "by hand", world.clock.now())
    await engine.worker.settle("www.a.test")


async def test_nothing_is_renewed_until_it_is_resumed(world: World) -> None:
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
        await stopped(world, engine)
        seen = world.ca.seen.copy()
        await world.pass_time(engine, 100 * DAY)
        assert world.ca.seen == seen
        assert await tasks.resume(engine.db, "www.a.test", world.clock.now())
        await engine.worker.settle_due()
        fact = await world.fact(engine, "www.a.test")
    assert fact.current is not None
    assert fact.current.not_after > world.clock.now()


async def test_an_open_order_is_given_up_and_the_ca_is_told(world: World) -> None:
    async with world.engine() as engine:
        world.ca.fail("challenge", Fault.refused(ProblemType.SERVER_INTERNAL), times=2)
        fact = await world.obtain(engine, world.intent("www.a.test", "a.test"))
        assert fact.open_issuance is not None
        await stopped(world, engine)
        fact = await world.fact(engine, "www.a.test")
        assert (fact.open_issuance, fact.leftovers) == (None, ())
        assert {each.status for each in world.ca.authorizations.values()} == {"deactivated"}
        assert list(world.webroot.rglob("*")) == []
        await tasks.resume(engine.db, "www.a.test", world.clock.now())
        await engine.worker.settle_due()
        assert (await world.fact(engine, "www.a.test")).current is not None
    assert len(world.ca.orders) == 2


async def test_a_ca_that_does_not_answer_keeps_nothing_open(world: World) -> None:
    async with world.engine() as engine:
        world.ca.fail("challenge", Fault.refused(ProblemType.SERVER_INTERNAL), times=10)
        fact = await world.obtain(engine, world.intent("www.a.test"))
        assert fact.open_issuance is not None
        world.ca.fail("order", Fault.refused(ProblemType.SERVER_INTERNAL), times=100)
        await stopped(world, engine)
        fact = await world.fact(engine, "www.a.test")
    assert (fact.open_issuance, fact.leftovers) == (None, ())
    assert any("could not be withdrawn" in line for line in world.told)


async def test_an_authorization_that_is_valid_stays_for_the_orders_of_others(world: World) -> None:
    async with world.engine() as engine:
        world.ca.fail("finalize", Fault.refused(ProblemType.SERVER_INTERNAL), times=10)
        await world.obtain(engine, world.intent("www.a.test"))
        await stopped(world, engine)
        assert (await world.fact(engine, "www.a.test")).open_issuance is None
    assert {each.status for each in world.ca.authorizations.values()} == {"valid"}


async def test_what_was_issued_is_installed_all_the_same(world: World) -> None:
    blocked = world.live
    blocked.parent.mkdir()
    blocked.write_text("a file where a folder should be")
    async with world.engine() as engine:
        fact = await world.obtain(engine, world.intent("www.a.test"))
        assert [each.status for each in fact.deployments] == [DeployStatus.FAILED]
        await stopped(world, engine)
        blocked.unlink()
        await world.pass_time(engine, timedelta(hours=1))
        fact = await world.fact(engine, "www.a.test")
    assert [each.status for each in fact.deployments] == [DeployStatus.INSTALLED]
    assert fact.stopped is not None


async def test_one_that_is_declared_no_longer_goes_although_it_is_stopped(world: World) -> None:
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
        await stopped(world, engine)
        await certificates.delete(engine.db, "www.a.test", world.clock.now())
        assert await engine.worker.settle_due() == []
