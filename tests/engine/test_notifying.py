"""Hooks are told of every event that is for them, in order, once in normal running, whoever tells them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from evercert.base.errors import EvercertError
from evercert.base.program import Completed
from evercert.base.secret import Secret
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from evercert.db.protocol import Database
from evercert.engine.notifying import Notifying
from evercert.engine.report import Telling
from evercert.engine.watch import StoreWatch
from evercert.model.event import CertificateIssued, Deployed, Event
from evercert.model.hook import Hook
from evercert.model.terms import Terms
from evercert.net.dns import DnsResolver
from evercert.net.http import HttpSettings, HttpTransport
from evercert.plugins.contracts import Ports
from evercert.store import certificates, events, history, hooks
from evercert.store.opening import open_store
from evercert.store.schema import MIGRATIONS
from tests.fakes.clock import FakeClock
from tests.fakes.programs import FakePrograms
from tests.fakes.receiver import Receiver
from tests.store.given import intent

SECRET = "a secret of the test's"


@dataclass
class World:
    """A store, a clock of the test's own, programs that are functions, endpoints that are real."""

    db: Database
    place: Place
    opened: AsyncExitStack
    # What takes turns of the loop in earnest is not old when it arrives: a receiver believes nobody after five minutes.
    clock: FakeClock = field(default_factory=lambda: FakeClock(settle=0.2))
    programs: FakePrograms = field(default_factory=FakePrograms)
    told: list[str] = field(default_factory=list)
    nodes: int = 0

    @property
    def telling(self) -> Telling:
        return Telling(lambda name, text: self.told.append(text))

    def watch(self) -> StoreWatch:
        return StoreWatch(self.clock, self.telling, timedelta(seconds=10))

    def node(self, db: Database | None = None) -> Notifying:
        """One process of several."""
        self.nodes += 1
        transport = HttpTransport(HttpSettings(), self.clock)
        self.opened.push_async_callback(transport.close)
        ports = Ports(transport, DnsResolver(), self.programs, self.clock)
        return Notifying(db or self.db, ports, lambda reference: Secret(SECRET), Random(self.nodes), self.telling)

    async def endpoint(self, *answers: int | None) -> Receiver:
        receiver = Receiver(SECRET, lambda: self.clock.now().timestamp(), [*answers])
        return await self.opened.enter_async_context(receiver)

    async def hook(self, name: str, receiver: Receiver, *kinds: str, timeout: float = 10, **more: Any) -> Hook:
        told = Hook(name, kinds or ("*",), url=receiver.url, secret="env:S", allow_http=True, timeout=timeout, **more)
        await hooks.configure(self.db, told)
        return told

    async def happen(self, *happened: Event) -> None:
        for event in happened:
            await self.db.write(events.appended(event, self.clock.now()))

    async def standing(self, name: str) -> hooks.Standing:
        found = await hooks.find(self.db, name)
        assert found is not None
        return found


@pytest.fixture
async def world(new_place: Callable[[Sequence[Migration]], Place]) -> AsyncIterator[World]:
    place = new_place(MIGRATIONS)
    async with open_store(place) as db, AsyncExitStack() as opened:
        yield World(db, place, opened)


def issued(*names: str) -> list[Event]:
    return [CertificateIssued(name, serial=f"{number}") for number, name in enumerate(names)]


async def test_a_new_hook_is_told_of_what_happens_from_then_on(world: World) -> None:
    await world.happen(*issued("before"))
    receiver = await world.endpoint()
    await world.hook("pager", receiver, "certificate-*")
    await world.happen(*issued("a"), Deployed("a"), *issued("b"))
    await world.node().settle()
    assert receiver.ids == [2, 4]
    assert (await world.standing("pager")).behind == 0
    await world.node().settle()
    assert len(receiver.requests) == 2


async def test_what_is_not_taken_comes_again_in_order_with_the_same_id(world: World) -> None:
    receiver = await world.endpoint(500, 429, None, 404, 204)
    await world.hook("pager", receiver, timeout=0.3)
    await world.happen(*issued("a", "b", "c"))
    node = world.node()
    for failures in range(1, 5):
        await node.settle()
        standing = await world.standing("pager")
        assert (standing.event_id, standing.failures, receiver.ids) == (0, failures, [])
        await node.settle()  # before its time nothing is asked
        assert len(receiver.requests) == failures
        assert standing.retry_at is not None
        world.clock.advance(standing.retry_at - world.clock.now())
    await node.settle()
    assert receiver.ids == [1, 2, 3]
    headers = [headers for headers, _ in receiver.requests]
    assert len({each["webhook-id"] for each in headers[:5]}) == 1
    assert len({each["webhook-id"] for each in headers}) == 3
    assert [each["evercert-attempt"] for each in headers] == ["1", "2", "3", "4", "5", "1", "1"]
    assert (await world.standing("pager")).failure is None
    assert [text for text in world.told if "it refuses the event" in text]
    assert not any(SECRET in text or "no-secret" in text for text in world.told)


async def test_two_nodes_tell_each_event_once_between_them(world: World) -> None:
    async with open_store(world.place) as other:
        receiver = await world.endpoint()
        await world.hook("pager", receiver)
        nodes = [world.node(), world.node(other)]
        for start in range(0, 60, 20):
            await world.happen(*issued(*(f"c{number}" for number in range(start, start + 20))))
            await asyncio.gather(*(node.settle() for node in nodes))
        await asyncio.gather(*(node.settle() for node in nodes))
    assert receiver.ids == list(range(1, 61))


async def test_an_endpoint_that_is_dead_holds_up_nobody_else(world: World) -> None:
    dead, alive = await world.endpoint(None), await world.endpoint()
    await world.hook("dead", dead, timeout=120)
    await world.hook("alive", alive)
    await world.happen(*issued("a"))
    node = world.node()
    staying = asyncio.create_task(node.stay(world.watch()))
    async with asyncio.timeout(60):
        while not (dead.requests and alive.ids == [1]):
            await asyncio.sleep(0.01)
        await world.happen(*issued("b"))  # while the dead one is still being waited for
        while alive.ids != [1, 2]:
            await asyncio.sleep(0.01)
    assert len(dead.requests) == 1
    staying.cancel()
    await dead.__aexit__(None, None, None)
    await asyncio.gather(staying, return_exceptions=True)


async def test_a_process_that_died_repeats_one_event_at_most_once_its_lease_is_over(world: World) -> None:
    receiver = await world.endpoint()
    hook = await world.hook("pager", receiver)
    await world.happen(*issued("a", "b"))
    until = world.clock.now() + timedelta(seconds=40)
    claimed = await hooks.claim(world.db, "pager", "dead", world.clock.now(), until)
    assert claimed is not None
    assert await hooks.move(world.db, claimed, 1, until) is not None  # it had told the first
    node = world.node()
    await node.settle()
    assert receiver.ids == []
    world.clock.advance(41)
    await node.settle()
    assert receiver.ids == [2]
    assert await hooks.move(world.db, claimed, 1, until) is None  # whoever comes back changes nothing
    assert (await world.standing(hook.name)).event_id == 2


async def test_told_to_end_it_ends_what_is_being_handed_over_and_nothing_is_told_twice(world: World) -> None:
    receiver = await world.endpoint()
    await world.hook("pager", receiver)
    await world.happen(*issued(*(f"c{number}" for number in range(50))))
    staying = asyncio.create_task(world.node().stay(world.watch()))
    async with asyncio.timeout(20):
        while not receiver.requests:
            await asyncio.sleep(0)
    staying.cancel()
    await asyncio.gather(staying, return_exceptions=True)
    assert (await world.standing("pager")).event_id == len(receiver.requests) < 50
    await world.node().settle()
    assert receiver.ids == list(range(1, 51))


async def test_what_retention_took_away_is_told_as_such(world: World) -> None:
    receiver = await world.endpoint(503)
    await world.hook("pager", receiver, "deployed")
    await world.happen(*issued("a", "b", "c"), Deployed("c"))
    await events.prune(world.db, 1, world.clock.now() - timedelta(days=1))
    node = world.node()
    await node.settle()
    world.clock.advance(60)
    await node.settle()
    assert [(each["kind"], each.get("first"), each.get("last")) for each in receiver.taken] == [
        ("events-missed", 1, 3),
        ("deployed", None, None),
    ]
    assert receiver.requests[0][0]["webhook-id"] == receiver.requests[1][0]["webhook-id"]
    assert "hook pager: the events 1 to 3 were given up before it was told of them" in world.told


async def test_whose_a_certificate_is_decides_also_after_it_was_deleted(world: World) -> None:
    receiver = await world.endpoint()
    await world.hook("web", receiver, owner="web*", tag="edge")
    for name, owner in (("mine", "web@example.com"), ("theirs", "api@example.com")):
        terms = Terms(owner=owner, tags=("edge",))
        await certificates.declare(world.db, intent(name, terms=terms), world.clock.now())
    await world.node().settle()
    for name in ("mine", "theirs"):
        await certificates.delete(world.db, name, world.clock.now())
    await world.node().settle()
    assert [(each["kind"], each["certificate"]) for each in receiver.taken] == [
        ("intent-changed", "mine"),
        ("certificate-deleted", "mine"),
    ]


async def test_an_event_that_is_refused_for_ever_can_be_passed_over_by_hand(world: World) -> None:
    receiver = await world.endpoint(400, 400)
    await world.hook("pager", receiver, "certificate-*")
    await world.happen(Deployed("x"), *issued("bad", "good"))
    node = world.node()
    with pytest.raises(EvercertError):
        await hooks.pass_over(world.db, "pager", world.clock.now())
    await node.settle()
    assert await hooks.retry(world.db, "pager")
    await node.settle()
    assert receiver.ids == []
    assert await hooks.pass_over(world.db, "pager", world.clock.now()) == 2
    await node.settle()
    assert receiver.ids == [3]


async def fail_for(world: World, name: str, span: timedelta) -> None:
    """Every six hours somebody looks, until that time has passed or it was given up."""
    node, end = world.node(), world.clock.now() + span
    while (await world.standing(name)).given_up_at is None and world.clock.now() < end:
        world.clock.advance(min(timedelta(hours=6), end - world.clock.now()))
        await node.settle()


async def test_a_hook_that_takes_nothing_for_a_week_is_given_up_and_others_are_told(world: World) -> None:
    await hooks.configure(world.db, Hook("dead", ("*",), program=("/bin/dead",)))
    world.programs.completed = Completed(1, "nobody there")
    await world.happen(*issued("a", "b"))
    await world.node().settle()
    await fail_for(world, "dead", timedelta(days=6.9))
    assert (await world.standing("dead")).given_up_at is None
    others = await world.endpoint()
    await world.hook("others", others, "hook-*")
    await fail_for(world, "dead", timedelta(days=1))
    standing = await world.standing("dead")
    assert (standing.event_id, standing.retry_at, standing.is_due(world.clock.now())) == (0, None, False)
    assert standing.failing_since is not None
    assert timedelta(days=7) <= world.clock.now() - standing.failing_since < timedelta(days=7.5)
    assert "given up after 30 attempts; `evercert hooks retry dead` has it told again" in world.told[-1]
    tries = len(world.programs.runs)
    world.clock.advance(timedelta(days=30))
    await world.node().settle()
    assert len(world.programs.runs) == tries
    [told] = others.taken
    assert (told["kind"], told["hook"], told["event_id"], told["code"]) == ("hook-given-up", "dead", 1, "hook")
    assert told["failing_since"] == standing.failing_since.isoformat()


async def test_one_that_was_given_up_is_told_again_by_hand_but_not_of_that(world: World) -> None:
    for name in ("dead", "gone"):
        await hooks.configure(world.db, Hook(name, ("*",), program=(f"/bin/{name}",)))
    world.programs.completed = Completed(1, "nobody there")
    await world.happen(*issued("a", "b"))
    await world.node().settle()
    for name in ("dead", "gone"):
        await fail_for(world, name, timedelta(days=8))
    happened = (await history.after(world.db, 2)).entries
    assert sorted(str(each.fields["hook"]) for each in happened) == ["dead", "gone"]  # however long nobody takes them
    assert await hooks.retry(world.db, "dead")
    await world.node().settle()
    standing = await world.standing("dead")
    assert (standing.given_up_at, standing.failing_since) == (None, world.clock.now())  # another week
    world.programs.completed = Completed(0, "")
    world.programs.runs.clear()
    assert await hooks.retry(world.db, "dead")
    await world.node().settle()
    [about_the_other] = [each.id for each in happened if each.fields["hook"] == "gone"]
    told = [(argv[0], int(environment["EVERCERT_EVENT_ID"])) for argv, environment in world.programs.runs]
    assert told == [("/bin/dead", 1), ("/bin/dead", 2), ("/bin/dead", about_the_other)]
    assert (await world.standing("dead")).behind == 0


async def test_a_week_in_which_nobody_tried_is_no_reason_to_give_up(world: World) -> None:
    await hooks.configure(world.db, Hook("page", ("*",), program=("/bin/page",)))
    world.programs.completed = Completed(1, "no network yet")
    await world.happen(*issued("a"))
    await world.node().settle()
    world.clock.advance(timedelta(days=30))
    for failures in range(2, 20):
        await world.node().settle()
        standing = await world.standing("page")
        assert (standing.failures, standing.given_up_at) == (failures, None)
        world.clock.advance(timedelta(hours=2))
    await world.node().settle()
    assert (await world.standing("page")).given_up_at == world.clock.now()


async def test_a_changed_hook_goes_on_where_it_was_and_a_forgotten_one_is_told_nothing(world: World) -> None:
    first, second = await world.endpoint(500), await world.endpoint()
    await world.hook("pager", first)
    await world.happen(*issued("a", "b"))
    node = world.node()
    await node.settle()
    await world.hook("pager", second)
    await node.settle()
    assert (first.ids, second.ids) == ([], [1, 2])
    await hooks.forget(world.db, "pager")
    await world.happen(*issued("c"))
    await node.settle()
    assert second.ids == [1, 2]


async def test_a_program_is_told_like_an_endpoint(world: World) -> None:
    await hooks.configure(world.db, Hook("page", ("*",), program=("/bin/page", "now")))
    await world.happen(*issued("a", "b"))
    await world.node().settle()
    assert [environment["EVERCERT_EVENT_ID"] for _, environment in world.programs.runs] == ["1", "2"]
    world.programs.completed = Completed(1, "the phone is dead")
    await world.happen(*issued("c"))
    await world.node().settle()
    failure = (await world.standing("page")).failure
    assert failure is not None
    assert failure.message == "/bin/page ended with status 1: the phone is dead"


async def test_a_sample_is_handed_over_once_and_moves_nothing(world: World, tmp_path: Path) -> None:
    receiver = await world.endpoint(204, 503)
    hook = await world.hook("pager", receiver, "deployed")
    await world.node().test(hook)
    assert [each["kind"] for each in receiver.taken] == ["hook-test"]
    with pytest.raises(EvercertError, match="503"):
        await world.node().test(hook)
    assert (await world.standing("pager")).event_id == 0
