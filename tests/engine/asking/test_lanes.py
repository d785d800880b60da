"""No more at once than was declared, whoever else waits; who waits costs next to nothing; who fails holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from evercert.acme.problem import ProblemType
from evercert.base.message import Request, Response
from evercert.base.names import parse_identifiers
from evercert.db.protocol import Query
from evercert.db.sqlite import SqliteDatabase
from evercert.engine.asking.lanes import lanes_of
from evercert.engine.limits import overriding
from evercert.engine.wiring import Engine
from evercert.model.access import CaAccess
from evercert.model.intent import ChallengeRule
from evercert.model.terms import CaChoice
from evercert.store import cas, certificates, health
from evercert.store.opening import open_store
from evercert.store.schema import MIGRATIONS
from tests.engine.world import World
from tests.fakes.ca import FakeCa, Fault

_EPOCHS = Query("epochs", "SELECT sum(epoch - created_at) FROM certificates")


class Counting:
    """A CA that takes its time, and counts how many orders are open there at once."""

    def __init__(self, ca: FakeCa) -> None:
        self.ca, self.most = ca, 0

    async def send(self, request: Request) -> Response:
        await asyncio.sleep(0)
        response = await self.ca.send(request)
        self.most = max(self.most, self.open)
        return response

    @property
    def open(self) -> int:
        pending = {url for url, each in self.ca.authorizations.items() if each.status == "pending"}
        return sum(
            order.status in {"pending", "ready", "processing"}
            and (order.status != "pending" or not pending.isdisjoint(order.authorizations))
            for order in self.ca.orders.values()
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def counted(world: World) -> Counting:
    counting = Counting(world.ca)
    world.cas["https://ca.test"] = counting  # type: ignore[assignment]  # it is on the way to it
    return counting


async def narrow(engine: Engine, world: World, most: int) -> None:
    await cas.configure(engine.db, CaAccess(world.ca.directory_url, concurrency=most))


async def declare(engine: Engine, world: World, count: int) -> list[str]:
    names = [f"w{number}.test" for number in range(count)]
    for name in names:
        await certificates.declare(engine.db, world.intent(name, targets=()), world.clock.now())
    return names


async def issued(engine: Engine, names: Sequence[str]) -> int:
    facts = await certificates.facts(engine.db, names)
    return sum(fact.current is not None for fact in facts.values())


async def test_never_more_at_once_than_declared_and_all_in_the_end_at_little_cost(world: World) -> None:
    """Each is looked at once to find the lane full, and once to be issued."""
    held: list[str] = []

    @contextmanager
    def note(statements: Sequence[str]) -> Iterator[None]:
        held.extend(each for each in statements if each == "hold certificate")
        yield

    counting, count = counted(world), 120
    database = await SqliteDatabase.open(world.folder / "counted.db", MIGRATIONS, around_commit=note)
    async with world.engine(database) as engine:
        await narrow(engine, world, 3)
        names = await declare(engine, world, count)
        while await issued(engine, names) < count:
            before = await issued(engine, names)
            await engine.worker.settle_due()
            assert await issued(engine, names) > before  # and no time has passed
        assert counting.most == 3
        [[(claims,)]] = await database.read(_EPOCHS())
        assert claims <= 2.5 * count
        assert len(held) <= 1.5 * count
        assert all(fact.failures == 0 for fact in (await certificates.facts(database, names)).values())
    await database.close()


async def test_two_nodes_keep_one_lane(world: World) -> None:
    counting = counted(world)
    place = world.folder / "shared.db"
    async with open_store(place) as one, open_store(place) as two:
        async with world.engine(one) as first, world.engine(two) as second:
            await narrow(first, world, 2)
            names = await declare(first, world, 30)
            while await issued(first, names) < len(names):
                await asyncio.gather(first.worker.settle_due(), second.worker.settle_due())
        assert counting.most == 2


async def test_who_waits_says_for_what_and_holds_no_worker_nor_anybody_of_another_account(world: World) -> None:
    counted(world)
    async with world.engine() as engine:
        await narrow(engine, world, 1)
        world.ca.fail("authz", Fault.answered(500), times=99)
        await world.obtain(engine, world.intent("slow.test"))
        waiting = await world.obtain(engine, world.intent("waits.test"))
        assert waiting.failures == 0
        assert waiting.hold is not None
        assert "1 at a time are ordered from ca.test by account default, and so many" in waiting.hold.limit
        assert waiting.open_issuance is None
        other = await world.obtain(engine, world.intent("other.test", account="other"))
        assert other.hold is None


async def test_who_finds_a_lane_full_takes_nobodys_turn_to_ask_a_ca_that_was_silent(world: World) -> None:
    async with world.engine() as engine:
        await narrow(engine, world, 1)
        world.ca.fail("authz", Fault.answered(500), times=99)
        await world.obtain(engine, world.intent("slow.test"))
        await health.silent(engine.db, world.ca.directory_url, None, "no answer", world.clock.now())
        before = await health.outages(engine.db)
        world.clock.advance(10)
        waiting = await world.obtain(engine, world.intent("waits.test"))
        assert waiting.hold is not None
        assert waiting.hold.in_line
        assert await health.outages(engine.db) == before


async def test_one_that_has_to_wait_for_long_gives_its_place_up(world: World) -> None:
    counting = counted(world)
    async with world.engine() as engine:
        await narrow(engine, world, 1)
        # There is no such challenge at this CA: the order stands, and nothing but we ourselves is to blame.
        hopeless = world.intent("bad.test", challenges=(ChallengeRule("dns-01", "rfc2136", {"server": "192.0.2.1"}),))
        failing = await world.obtain(engine, hopeless)
        assert failing.failures == 1
        await certificates.declare(engine.db, world.intent("good.test"), world.clock.now())
        await world.pass_time(engine, timedelta(minutes=20))
        assert (await world.fact(engine, "good.test")).current is not None
        await world.pass_time(engine, timedelta(hours=3))
        failing = await world.fact(engine, "bad.test")
        assert failing.failures >= 3
        assert failing.open_issuance is None
        assert counting.open == 0


async def test_a_ca_that_says_no_more_orders_costs_nobody_his_turn(world: World) -> None:
    counting = counted(world)
    async with world.engine() as engine:
        await narrow(engine, world, 2)
        names = await declare(engine, world, 8)
        limited = Fault.refused(ProblemType.RATE_LIMITED, "too many new orders", retry_after="3600")
        world.ca.fail("new-order", limited)
        await world.pass_time(engine, timedelta(days=1))
        assert await issued(engine, names) == 8
        assert counting.most <= 2


async def test_a_ca_that_takes_an_hour_holds_up_nobody_and_what_it_makes_is_used(world: World) -> None:
    """An order that only the CA has something to do for gives its place up, and is waited for."""
    counted(world)
    world.ca.issuing_seconds = 3600
    async with world.engine() as engine:
        await narrow(engine, world, 1)
        names = await declare(engine, world, 3)
        await engine.worker.settle_due()
        await world.pass_time(engine, timedelta(hours=9))
        assert await issued(engine, names) == 3
    assert len(world.ca.orders) == 3


async def test_where_there_is_no_lane_any_more_nobody_stands_in_line(world: World) -> None:
    counted(world)
    async with world.engine() as engine:
        await narrow(engine, world, 1)
        world.ca.fail("authz", Fault.answered(500), times=99)
        await world.obtain(engine, world.intent("slow.test"))
        world.ca._faults.clear()
        names = await declare(engine, world, 8)
        await engine.worker.settle_due()
        assert await issued(engine, names) == 0
        await overriding.configure(engine.db, CaAccess(world.ca.directory_url), world.clock.now())
        await engine.worker.settle_due()
        assert await issued(engine, names) == 8


async def test_the_lanes_of_an_order(world: World) -> None:
    rule = ChallengeRule("dns-01", "cloudflare", {"token": "env:T", "concurrency": "2"}, "*.a.test")
    intent = world.intent("www.a.test", challenges=(rule, msgspec.structs.replace(rule, match="*")))
    async with world.engine() as engine:
        [zone] = await lanes_of(engine.db, intent, CaChoice(intent.ca))
        assert zone.full == "2 at a time are proved through cloudflare in a.test, and so many are under way"
        both = msgspec.structs.replace(intent, identifiers=parse_identifiers(["www.a.test", "b.test"]))
        await narrow(engine, world, 5)
        found = await lanes_of(engine.db, both, CaChoice(intent.ca))
        assert [lane.most for lane in found] == [2, 2, 5]
        assert found == tuple(sorted(found))
        persistent = ChallengeRule("dns-persist-01", "cloudflare", rule.options)
        unlaned = msgspec.structs.replace(intent, challenges=(persistent,))
        assert [lane.most for lane in await lanes_of(engine.db, unlaned, CaChoice(intent.ca))] == [5]
