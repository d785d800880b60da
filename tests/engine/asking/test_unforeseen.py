"""What nobody foresaw in a plugin, or on the way to a CA, is a failure like any other: kept, told, in nobody's way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from evercert.base.message import Request, Response
from evercert.engine.wiring import Engine
from evercert.model.event import IssuanceFailed
from evercert.model.fact import CertificateFact, DeployStatus
from evercert.model.intent import CertificateIntent, ChallengeRule, TargetSpec
from evercert.model.terms import CaChoice, Terms
from evercert.store import certificates, events
from tests.engine.world import World
from tests.fakes.stranger import installed_package

NAME = "www.a.test"
DAY = timedelta(days=1)

BOX = """
from evercert.plugins.info import PluginInfo, PluginKind

class Box:
    info = PluginInfo("box", PluginKind.DNS, "a box")

    def __init__(self, options, ports):
        self._servers = ports.dns.views

    async def add_txt(self, zone, name, value, ttl):
        if name.endswith(".refused.test"):
            raise KeyError("hunter2")
        self._servers.setdefault("192.0.2.1", {})[name] = [value]
        return ""

    async def remove_txt(self, zone, name, value, reference):
        raise KeyError("hunter2")
"""


class Broken:
    """A CA on the way to which there is a mistake of ours."""

    async def send(self, request: Request) -> Response:
        raise RuntimeError("nobody thought of that")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def by_dns(world: World, tmp_path: Path) -> Iterator[World]:
    """Everything is proved through a stranger's provider, which fails where it can."""
    world.ca.offered = ("dns-01",)
    world.dns.zones = {"refused.test": ["192.0.2.1"], "a.test": ["192.0.2.1"]}
    with installed_package(tmp_path, {"their_box": BOX}, "[evercert.dns]\nbox = their_box:Box\n"):
        yield world


def by_box(world: World, name: str) -> CertificateIntent:
    return world.intent(name, challenges=(ChallengeRule("dns-01", "box"),), targets=())


async def settled(engine: Engine, world: World, intent: CertificateIntent) -> CertificateFact:
    await certificates.declare(engine.db, intent, world.clock.now())
    await engine.worker.settle_due()
    return await world.fact(engine, intent.name)


async def test_a_strangers_provider_that_breaks_is_a_failure_that_is_kept_and_told(by_dns: World) -> None:
    async with by_dns.engine() as engine:
        fact = await settled(engine, by_dns, by_box(by_dns, "www.refused.test"))
        assert fact.failure is not None
        assert fact.failure.code == "provider"
        assert "box" in fact.failure.message
        assert "hunter2" not in fact.failure.message
        assert fact.retry_at is not None
        told = [each.event for each in await events.latest(engine.db, 100)]
        assert [type(each) for each in told].count(IssuanceFailed) == 1


async def test_a_strangers_provider_that_cannot_take_away_costs_no_certificate(by_dns: World) -> None:
    async with by_dns.engine() as engine:
        fact = await settled(engine, by_dns, by_box(by_dns, NAME))
        assert fact.current is not None
        assert fact.failure is None
        assert len(fact.leftovers) == 1


async def test_a_mistake_on_the_way_to_a_ca_is_kept_told_and_tried_again_ever_more_rarely(world: World) -> None:
    world.cas[world.ca.base] = Broken()  # type: ignore[assignment]  # it is on the way to it
    async with world.engine() as engine:
        fact = await settled(engine, world, world.intent(NAME))
        assert fact.failure is not None
        assert fact.failure.code == "internal"
        assert "RuntimeError" in fact.failure.message
        assert "thought" not in fact.failure.message
        await world.pass_time(engine, DAY)
        told = [each.event for each in await events.latest(engine.db, 100)]
        assert [type(each) for each in told].count(IssuanceFailed) == 4
        world.cas[world.ca.base] = world.ca
        await world.pass_time(engine, 2 * DAY)
        assert (await world.fact(engine, NAME)).current is not None


async def test_close_to_the_end_a_mistake_at_one_ca_is_no_reason_to_stop_asking_the_other(world: World) -> None:
    second = world.another_ca("https://second.test")
    terms = Terms(further_cas=(CaChoice(second.directory_url),))
    async with world.engine() as engine:
        before = await world.obtain(engine, world.intent(NAME, terms=terms))
        world.clock.advance(world.lifetime * 11 / 12)
        world.cas[world.ca.base] = Broken()  # type: ignore[assignment]  # it is on the way to it
        await engine.worker.settle_due()
        fact = await world.fact(engine, NAME)
        assert fact.current is not None
        assert before.current is not None
        assert fact.current.id > before.current.id
        assert await engine.accounts.issuer_of(fact.current, fact.intent) == (second.directory_url, "default")


async def test_a_target_that_is_gone_keeps_no_certificate_from_being_renewed(world: World) -> None:
    files = world.intent(NAME).targets
    async with world.engine() as engine:
        fact = await settled(engine, world, world.intent(NAME, targets=(TargetSpec("gone"), *files)))
        assert fact.current is not None
        statuses = {each.target: each.status for each in fact.deployments}
        assert statuses == {"gone": DeployStatus.FAILED, "files": DeployStatus.INSTALLED}
