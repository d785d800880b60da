"""What becomes of a certificate that is declared no longer, and who is served first."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from evercert.acme.problem import ProblemType
from evercert.model.intent import TargetSpec
from evercert.model.terms import Criticality, OnRemoval, Terms
from evercert.store import certificates, declared
from tests.engine.world import World
from tests.fakes.ca import Fault

HOUR = timedelta(hours=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize(("how", "revoked"), [(OnRemoval.REVOKE, 5), (OnRemoval.DELETE, None)])
async def test_it_is_forgotten_and_revoked_first_where_that_is_the_policy(
    world: World, how: OnRemoval, revoked: int | None
) -> None:
    async with world.engine() as engine:
        await certificates.declare(engine.db, world.intent("www.a.test"), world.clock.now(), digest="d")
        await engine.worker.settle("www.a.test")
        await declared.release(engine.db, "www.a.test", how, "d", world.clock.now())
        await engine.worker.settle_due()
        assert await certificates.fact(engine.db, "www.a.test") is None
        assert [each.revoked for each in world.ca.certificates.values()] == [revoked]
        assert (world.live / "www.a.test" / "fullchain.pem").exists()


async def test_a_ca_that_refuses_is_asked_again(world: World) -> None:
    async with world.engine() as engine:
        await certificates.declare(engine.db, world.intent("www.a.test"), world.clock.now(), digest="d")
        await engine.worker.settle("www.a.test")
        await declared.release(engine.db, "www.a.test", OnRemoval.REVOKE, "d", world.clock.now())
        world.ca.fail("revoke-cert", Fault.refused(ProblemType.UNAUTHORIZED), times=2)
        await engine.worker.settle_due()
        assert await certificates.fact(engine.db, "www.a.test")
        await world.pass_time(engine, HOUR)
        assert await certificates.fact(engine.db, "www.a.test") is None


async def test_what_was_issued_never_is_let_go_without_a_word_to_the_ca(world: World) -> None:
    async with world.engine() as engine:
        await certificates.declare(engine.db, world.intent("www.a.test"), world.clock.now(), digest="d")
        await declared.release(engine.db, "www.a.test", OnRemoval.REVOKE, "d", world.clock.now())
        await engine.worker.settle_due()
        assert await certificates.fact(engine.db, "www.a.test") is None
        assert world.ca.orders == {}


async def test_of_those_that_are_due_the_ones_that_matter_most_come_first(world: World) -> None:
    ranks = [Criticality.LOW, Criticality.NORMAL, Criticality.CRITICAL, Criticality.HIGH]
    async with world.engine() as engine:
        for rank in ranks:
            intent = world.intent(f"{rank.value}.test", terms=Terms(criticality=rank))
            await certificates.declare(engine.db, intent, world.clock.now())
        assert await engine.worker.settle_due() == ["critical.test", "high.test", "normal.test", "low.test"]


async def test_one_certificate_is_installed_under_the_names_of_several(world: World) -> None:
    folder = {"dir": str(world.folder / "home")}
    targets = (TargetSpec("files", folder), TargetSpec("files", folder, "b/files"))
    terms = Terms(installed_as={"b/files": "b.test"})
    async with world.engine() as engine:
        intent = msgspec.structs.replace(world.intent("a.test"), targets=targets, terms=terms)
        await world.obtain(engine, intent)
    first, second = ((world.live / name / "fullchain.pem").read_bytes() for name in ("a.test", "b.test"))
    assert first == second


async def test_all_that_was_issued_is_revoked_but_what_is_over(world: World) -> None:
    async with world.engine() as engine:
        await certificates.declare(engine.db, world.intent("www.a.test"), world.clock.now(), digest="d")
        await engine.worker.settle("www.a.test")
        await world.pass_time(engine, timedelta(days=100))
        await certificates.wake(engine.db, "www.a.test", world.clock.now(), forced=True)
        await engine.worker.settle("www.a.test")
        await declared.release(engine.db, "www.a.test", OnRemoval.REVOKE, "d", world.clock.now())
        await engine.worker.settle_due()
        assert [each.revoked for each in world.ca.certificates.values()] == [None, 5, 5]
