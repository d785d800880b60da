"""Every law can be broken: an engine that is broken on purpose, or a world that shows what must not be, is caught."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec
import pytest

from evercert.base.message import Request
from evercert.db.protocol import Database, Query
from evercert.engine.wiring import Engine
from evercert.model.fact import CertificateFact
from evercert.model.task import Step, Task
from evercert.simulation.ca.records import Order
from evercert.simulation.clock import BEGIN
from evercert.simulation.faults import Fault, FaultKind
from evercert.simulation.history import History, live
from evercert.simulation.laws import judge
from evercert.simulation.loop import VirtualLoop
from evercert.simulation.names import PROVIDER
from evercert.simulation.story import Story, Wanted, told
from evercert.simulation.world import World
from evercert.store import certificates
from evercert.store.leases import Lease
from tests.fakes.bundles import Issuer

QUIET = Wanted(certificates=2, nodes=1, faults=())


def lived(spoil: Callable[[Engine], None]) -> History:
    return live(told(5, QUIET), spoil)


def test_a_quiet_history_breaks_none() -> None:
    assert lived(lambda engine: None).broken == ()


def test_who_never_renews_lapses() -> None:
    def spoil(engine: Engine) -> None:
        issue = engine.worker._hands[Step.ISSUE]

        async def only_the_first(db: Database, fact: CertificateFact, task: Task) -> bool:
            return await issue(db, fact, task) if fact.current is None else False

        engine.worker._hands[Step.ISSUE] = only_the_first

    broken = lived(spoil).broken
    assert any("lapsed" in law and "could have been avoided" in law for law in broken), broken


def test_what_could_not_be_helped_breaks_no_law() -> None:
    """From before the renewal is due until long after the end of the certificate its only CA is away."""
    quiet = told(5, QUIET)
    life = quiet.life.total_seconds()
    outage = Fault(FaultKind.CA_OUTAGE, 0.35 * life, 1.4 * life, 0, 0.1)
    history = live(replace(quiet, cas=1, suggesting=(True,), listing=(True,), faults=(outage,)))
    assert history.lapses
    assert all(lapse.excused for lapse in history.lapses)
    assert history.broken == ()


def test_who_issues_again_without_need_is_caught() -> None:
    def spoil(engine: Engine) -> None:
        issue = engine.worker._hands[Step.ISSUE]

        async def twice(db: Database, fact: CertificateFact, task: Task) -> bool:
            done = await issue(db, fact, task)
            if fact.current is None:
                await certificates.wake(db, fact.intent.name, engine.clock.now(), forced=True)
            return done

        engine.worker._hands[Step.ISSUE] = twice

    broken = lived(spoil).broken
    assert any("was issued again after" in law for law in broken), broken


def test_who_installs_nothing_is_caught() -> None:
    def spoil(engine: Engine) -> None:
        async def nothing(db: Database, fact: CertificateFact, task: Task) -> bool:
            return False

        engine.worker._hands[Step.DEPLOY] = nothing

    broken = lived(spoil).broken
    assert any("does not serve what was issued last" in law for law in broken), broken


FREEZE = Fault(FaultKind.FREEZE, 3600.0, 3600.0 * 8, 0, 0.5)


def test_in_a_freeze_nothing_is_touched_and_no_law_broken() -> None:
    quiet = told(5, QUIET)
    freeze = replace(FREEZE, since=0.0, until=quiet.life.total_seconds() * 1.5)
    history = live(replace(quiet, faults=(freeze,)))
    assert history.broken == ()
    assert history.lapses == ()


def test_who_touches_a_server_in_a_freeze_is_caught() -> None:
    def spoil(engine: Engine) -> None:
        settle = engine.worker._settle
        engine.worker._settle = partial(settle, by_hand=True)

    # All is declared in the first third of a life.
    freeze = replace(FREEZE, since=0.0)
    broken = live(replace(told(5, QUIET), faults=(freeze,)), spoil).broken
    assert any("was touched in a freeze" in law for law in broken), broken


def revoked_in_a_freeze() -> Story:
    """All were declared before the freeze begins; they are revoked before their windows end, after which no freeze is
    heard anyway."""
    quiet = told(5, QUIET)
    life = quiet.life.total_seconds()
    freeze = replace(FREEZE, since=0.34 * life, until=0.9 * life)
    revocation = Fault(FaultKind.MASS_REVOCATION, 0.37 * life, 0.67 * life, 0, 0.5)
    return replace(quiet, cas=1, suggesting=(True,), listing=(True,), faults=(freeze, revocation))


def ask_for_another(engine: Engine, at: float) -> None:
    """Then every certificate is asked for once more."""

    async def ask() -> None:
        await engine.clock.sleep(at)
        for number in range(QUIET.certificates):
            name = f"c{number}.site{number}.test"
            await certificates.wake(engine.db, name, engine.clock.now(), forced=True)

    engine.worker.asking = asyncio.create_task(ask())  # type: ignore[attr-defined]  # so that it is not collected


def test_what_serves_on_in_a_freeze_does_so_no_longer_than_its_ca_wants() -> None:
    story = revoked_in_a_freeze()
    history = live(story, lambda engine: ask_for_another(engine, 0.35 * story.life.total_seconds()))
    # That it was asked for although nothing is due is the test's own doing.
    assert [law for law in history.broken if "was issued again" not in law] == []
    assert history.lapses == ()


def test_who_asks_the_ca_only_about_what_was_issued_last_is_caught() -> None:
    story = revoked_in_a_freeze()

    def spoil(engine: Engine) -> None:
        ask_for_another(engine, 0.35 * story.life.total_seconds())
        poll = engine.worker._hands[Step.POLL_RENEWAL_INFO]

        async def the_last(db: Database, fact: CertificateFact, task: Task) -> bool:
            return await poll(db, msgspec.structs.replace(fact, deployments=()), task)

        async def none(*args: object) -> list[Lease]:
            return []

        engine.worker._hands[Step.POLL_RENEWAL_INFO] = the_last
        engine.polling.leases.claim_polls = none  # type: ignore[method-assign]  # so that the hand does it

    broken = live(story, spoil).broken
    assert any("lapsed" in law and "could have been avoided" in law for law in broken), broken


def test_a_node_that_ends_by_itself_is_caught() -> None:
    def spoil(engine: Engine) -> None:
        raise ZeroDivisionError

    assert any("ended with ZeroDivisionError" in law for law in lived(spoil).broken)


@contextmanager
def world_of(story: Story, folder: Path) -> Iterator[World]:
    loop = VirtualLoop()
    world = World(loop, story, folder)
    try:
        yield world
    finally:
        loop.close()
        world.close()


def judged(world: World, story: Story) -> list[str]:
    world.loop.run_until_complete(judge(world, story))
    return world.broken


@pytest.fixture
def story() -> Story:
    return replace(told(5, QUIET), certificates=0, cas=1, suggesting=(False,), listing=(True,))


def test_nothing_is_wrong_with_an_empty_world(story: Story, tmp_path: Path) -> None:
    with world_of(story, tmp_path) as world:
        assert judged(world, story) == []


def test_an_order_that_nobody_knows_is_lost(story: Story, tmp_path: Path) -> None:
    with world_of(story, tmp_path) as world:
        order = Order("https://ca0.simulated.test/order/1", "", (), [], BEGIN, None, None)
        world.cas[0].server.orders[order.url] = order
        assert judged(world, story) == [f"the order {order.url} for  (pending) is not in the store"]


def test_a_challenge_answer_that_stays_is_seen(story: Story, tmp_path: Path) -> None:
    body = msgspec.json.encode({"fqdn": "_acme-challenge.a.test.", "value": "x"})
    with world_of(story, tmp_path) as world:
        world.names.answer(Request("POST", f"{PROVIDER}/present", {}, body))
        world.loop.run_until_complete(world.clock.sleep(3600))
        assert judged(world, story) == ["a challenge answer is left at _acme-challenge.a.test"]


def test_a_server_that_goes_back_is_seen(story: Story, tmp_path: Path) -> None:
    issuer = Issuer(now=BEGIN)
    older, newer = (issuer.bundle("a.test", number=number, lives=timedelta(days=90)) for number in (1, 2))
    with world_of(story, tmp_path) as world:
        server = world.servers.server("a")
        for at, bundle in enumerate((older, newer, older)):
            server.in_place = bundle
            server.serve(float(at))
        broken = judged(world, story)
        assert "a went back from 2 to 1 at 0 d 00:00:02.000" in broken
        assert "a served what no CA has issued at 0 d 00:00:00.000" in broken


def test_a_ca_that_had_to_say_too_often_that_it_was_too_much(story: Story, tmp_path: Path) -> None:
    with world_of(story, tmp_path) as world:
        world.cas[0].limited = 100
        assert judged(world, story) == [
            "CAs had to say 100 times that it was too much; 0 times would have been bearable"
        ]


def test_a_history_of_events_that_was_changed_is_seen(story: Story, tmp_path: Path) -> None:
    unguard = Query("let events be changed", "DROP TRIGGER events_never_change")
    change = Query("change an event", 'UPDATE events SET body = \'{"kind":"certificate-resumed","certificate":"b"}\'')
    with world_of(story, tmp_path) as world:
        declared = certificates.declare(world.db, world.intent(0), world.clock.now())
        world.loop.run_until_complete(declared)
        world.loop.run_until_complete(world.db.write(unguard(), change()))
        assert any("the history was changed" in law for law in judged(world, story))
