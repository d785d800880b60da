"""Two nodes at one piece of work: whoever is late, however late, changes nothing. On both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.base.probe import Door, Limits, Page
from evercert.ca.attempts import pool_of
from evercert.ca.nouns import Account, Authorization, Order
from evercert.ca.problems import kept
from evercert.ca.profiles.profile import Profile
from evercert.ca.store import accounts, audit, authorizations, orders
from evercert.ca.store.schema import MIGRATIONS
from evercert.ca.urls import number_of
from evercert.ca.validation.claim import Reach
from evercert.ca.validation.policy import NetworkPolicy
from evercert.ca.validation.pool import ValidationPool
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, generate
from tests.ca.given import World, a_ca
from tests.fakes.validated_network import FakeNetwork

TURN = timedelta(seconds=60)
FORBIDDEN = Problem(ProblemType.CAA, "its CAA records forbid it")


@pytest.fixture
async def world(tmp_path: Path, new_place: Callable[[Sequence[Migration]], Place]) -> AsyncIterator[World]:
    async with a_ca(tmp_path / "ca", place=new_place(MIGRATIONS)) as world:
        yield world


@dataclass
class Stop:
    """Holds whoever comes until he is let go on."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    problem: Problem | None = None

    async def come(self) -> None:
        self.reached.set()
        await self.over.wait()
        if self.problem:
            raise self.problem

    async def check(self, order: Order, account: Account, methods: Mapping[str, str], profile: Profile) -> None:
        await self.come()


@dataclass
class SlowNetwork(FakeNetwork):
    stop: Stop = field(default_factory=Stop)

    async def fetch(self, door: Door, limits: Limits) -> Page:
        await self.stop.come()
        return Page(404, body=b"nothing")


async def _ready(world: World) -> Order:
    client = await world.registered()
    order = await client.new_order(parse_identifiers(("www.example.test",)))
    await world.prove(client, order)
    return await _kept(world, number_of(order.url.rpartition("/")[2]) or 0)


async def _kept(world: World, number: int) -> Order:
    found = await orders.get(world.node.desk.db, number)
    assert found is not None
    return found


def _request(order: Order) -> bytes:
    return build_csr(generate(KeyType.EC256), order.identifiers)


async def _records(world: World, kind: str) -> int:
    return sum(row[2] == kind for row in await audit.after(world.node.desk.db, 0))


@pytest.mark.parametrize("problem", [None, FORBIDDEN], ids=["that would sign", "that would refuse"])
async def test_a_node_that_was_stopped_changes_nothing_of_an_order_when_it_goes_on(
    world: World, problem: Problem | None
) -> None:
    stop = Stop(problem=problem)
    stopped = replace(world.node.issuance, gate=stop, patience=60, _running=set())
    order = await _ready(world)
    account = await accounts.get(world.node.desk.db, order.account_id)
    assert account is not None
    finalizing = asyncio.create_task(stopped.finalize(order, account, _request(order)))
    await stop.reached.wait()
    world.clock.advance(2 * TURN)
    await world.node.issuance.take_over()
    completed = await _kept(world, order.id)
    assert completed.stored_status == "valid"
    stop.over.set()
    shown = await finalizing
    assert shown.stored_status == "valid"
    assert shown.certificate == completed.certificate
    assert await _kept(world, order.id) == completed
    assert (await _records(world, "issued"), await _records(world, "refused")) == (1, 0)


async def test_a_node_whose_turn_is_over_neither_ends_nor_spoils_what_another_is_at(world: World) -> None:
    db, order = world.node.desk.db, await _ready(world)
    now = world.clock.now()
    assert await orders.begin_processing(db, order.id, b"request", now=now, until=now + TURN)
    late, taken = msgspec.structs.replace(order, turn=now + TURN), msgspec.structs.replace(order, turn=now + 3 * TURN)
    [found] = await orders.take_over(db, now + 2 * TURN, now + 3 * TURN)
    assert found.turn == taken.turn
    for ending in (orders.finished(late, "ab"), orders.failed(late, kept(FORBIDDEN))):
        with pytest.raises(EvercertError, match="somebody else was first"):
            await db.write(ending, audit.appended("never", {}, now))
    assert (await _kept(world, order.id)).stored_status == "processing"
    await db.write(orders.finished(taken, "cd"))
    assert (await _kept(world, order.id)).certificate == "cd"
    assert await _records(world, "never") == 0


async def test_a_validation_that_was_stopped_changes_nothing_when_it_goes_on(world: World) -> None:
    network = SlowNetwork(names={"www.example.test": ["127.0.0.1"]})
    reach = Reach(network, NetworkPolicy(("127.0.0.0/8",)))
    stopped = replace(world.node.attempts, reach=reach, pool=_pool(), _taken={})
    begun = await _answered(world)
    ended = stopped.begin(begun)
    await network.stop.reached.wait()
    world.clock.advance(2 * TURN)
    await world.node.attempts.take_over()
    while (seen := await _authorization(world, begun.id)).stored_status == "pending":
        await asyncio.sleep(0.01)
    assert seen.stored_status == "valid", seen.error
    network.stop.over.set()
    await ended
    assert await _authorization(world, begun.id) == seen
    assert await _records(world, "refused validation") == 0


async def test_a_validation_whose_turn_is_over_ends_nothing_that_another_is_at(world: World) -> None:
    db, late, now = world.node.desk.db, await _answered(world), world.clock.now()
    [taken] = await authorizations.take_over(db, now + 2 * TURN, now + 3 * TURN)
    for ending in (
        authorizations.validated(late, now, now + TURN),
        authorizations.refuted(late, now, kept(FORBIDDEN)),
    ):
        with pytest.raises(EvercertError, match="somebody else was first"):
            await db.write(ending)
    assert (await _authorization(world, late.id)).stored_status == "pending"
    await db.write(authorizations.validated(taken, now, now + TURN))
    assert (await _authorization(world, late.id)).stored_status == "valid"


def _pool() -> ValidationPool:
    return pool_of(10, 10)


async def _answered(world: World) -> Authorization:
    """An attempt that a node has begun, on a name that shows the right answer."""
    client = await world.registered()
    order = await client.new_order(parse_identifiers(("www.example.test",)))
    ((shown,),) = [await client.authorizations(order)]
    challenge = next(each for each in shown.challenges if each.type == "http-01")
    world.serve("www.example.test", challenge.token, client.session.signer)
    number, now = number_of(shown.url.rpartition("/")[2]) or 0, world.clock.now()
    begun = await authorizations.begin_attempt(world.node.desk.db, number, "http-01", now=now, until=now + TURN)
    assert begun is not None
    return begun


async def _authorization(world: World, number: int) -> Authorization:
    found = await authorizations.get(world.node.desk.db, number)
    assert found is not None
    return found
