"""What serves on while its successor waits for its hour: its CA is asked about it, and heard."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from evercert.engine.installing import put_off
from evercert.engine.wiring import Engine
from evercert.model.event import RenewalMoved
from evercert.model.fact import CertificateFact
from evercert.model.intent import CertificateIntent
from evercert.model.terms import Freeze, Terms
from evercert.simulation.ca.records import Certificate
from evercert.store import certificates, events, renewals
from tests.engine.world import World
from tests.fakes.ca import Fault

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAMES = [f"n{number}.a.test" for number in range(3)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.ca.suggest = usual
    return made


def usual(certificate: Certificate) -> tuple[datetime, datetime]:
    return certificate.not_before + 60 * DAY, certificate.not_before + 61 * DAY


def frozen(world: World, name: str) -> CertificateIntent:
    now = world.clock.now()
    return world.intent(name, terms=Terms(freezes=(Freeze(now, now + 30 * DAY),)))


async def waiting(world: World, engine: Engine) -> None:
    """Of all of them an older one is served, and a newer one waits for the end of a freeze; the CA was asked."""
    for name in NAMES:
        await world.obtain(engine, world.intent(name))
    world.clock.advance(DAY)
    for name in NAMES:
        await certificates.declare(engine.db, frozen(world, name), world.clock.now())
        await certificates.wake(engine.db, name, world.clock.now(), forced=True)
    await engine.worker.settle_due()
    assert [len(put_off(each, world.clock.now())) for each in await facts(engine)] == [1] * len(NAMES)


async def facts(engine: Engine) -> list[CertificateFact]:
    return list((await certificates.facts(engine.db, NAMES)).values())


def revoking(world: World) -> None:
    """From now on the CA wants replaced what it has issued more than an hour ago."""
    now = world.clock.now()

    def suggest(certificate: Certificate) -> tuple[datetime, datetime]:
        return usual(certificate) if certificate.not_before > now - HOUR else (now - 2 * HOUR, now - HOUR)

    world.ca.suggest = suggest


def installed(fact: CertificateFact) -> bool:
    [deployment] = fact.deployments
    return bool(fact.current and deployment.in_use and deployment.in_use.issued_id == fact.current.id)


async def test_who_is_to_be_replaced_at_once_is_although_his_successor_was_to_wait(world: World) -> None:
    async with world.engine() as engine:
        await waiting(world, engine)
        revoking(world)
        assert not any(map(installed, await facts(engine)))
        await world.pass_time(engine, 7 * HOUR)
        assert all(map(installed, await facts(engine)))
        kinds = [type(each.event) for each in await events.latest(engine.db, 1000)]
        assert kinds.count(RenewalMoved) == len(NAMES)
    assert len(world.ca.orders) == 2 * len(NAMES)


async def test_it_is_asked_about_with_the_first_poll_of_its_successor(world: World) -> None:
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
        world.clock.advance(DAY)
        revoking(world)
        await certificates.declare(engine.db, frozen(world, "www.a.test"), world.clock.now())
        await certificates.wake(engine.db, "www.a.test", world.clock.now(), forced=True)
        await engine.worker.settle_due()
        assert installed(await world.fact(engine, "www.a.test"))


async def test_nobody_is_asked_about_what_is_in_service_no_more(world: World) -> None:
    async with world.engine() as engine:
        await waiting(world, engine)
        both = world.ca.seen["renewal-info"]
        await world.pass_time(engine, 7 * HOUR)
        assert world.ca.seen["renewal-info"] == both + 2 * len(NAMES)
        await world.pass_time(engine, 31 * DAY)
        assert all(map(installed, await facts(engine)))
        before = world.ca.seen["renewal-info"]
        await world.pass_time(engine, 7 * HOUR)
        assert world.ca.seen["renewal-info"] == before + len(NAMES)


async def test_a_ca_that_cannot_say_of_one_is_heard_about_the_other(world: World) -> None:
    async with world.engine() as engine:
        await waiting(world, engine)
        revoking(world)
        world.ca.fail("renewal-info", Fault.answered(404), times=1)
        before = world.ca.seen["renewal-info"]
        world.clock.advance(7 * HOUR)
        await engine.polling.look()
        assert world.ca.seen["renewal-info"] == before + 2 * len(NAMES)
        assert all(each.ari_poll_at and each.ari_poll_at > world.clock.now() + 5 * HOUR for each in await facts(engine))
        await world.pass_time(engine, 8 * HOUR)
        assert all(map(installed, await facts(engine)))


async def test_what_was_forgotten_meanwhile_is_not_asked_about(world: World) -> None:
    async with world.engine() as engine:
        await waiting(world, engine)
        [first, *_] = await facts(engine)
        assert first.current is not None
        assert [each.id for each, _ in await renewals.latest(engine.db, [first.current.id, 1000])] == [first.current.id]
        assert await renewals.latest(engine.db, []) == []
