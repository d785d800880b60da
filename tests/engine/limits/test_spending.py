"""Orders under a limit: what there is room for is issued, the rest waits its turn, and nothing fails."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from evercert.acme.problem import ProblemType
from evercert.base.clock import to_epoch
from evercert.db.protocol import Database
from evercert.engine.incident.opening import open_incident
from evercert.engine.plan import plan
from evercert.engine.wiring import Engine
from evercert.engine.wishes import wish
from evercert.model.access import CaAccess, OwnLimit
from evercert.model.event import LimitLearned
from evercert.model.fact import CertificateFact, IssuanceStatus
from evercert.model.incident import Measures, Selection
from evercert.model.task import Wait
from evercert.model.terms import Criticality, Terms
from evercert.store import budgets, cas, certificates, events, issued
from tests.engine.world import World
from tests.fakes.ca import Fault

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def limited(engine: Engine, world: World, **limits: tuple[int, timedelta]) -> None:
    """Afterwards the CA's limits are known to be these."""
    own = tuple(OwnLimit(word, count, int(span.total_seconds())) for word, (count, span) in limits.items())
    await cas.configure(engine.db, CaAccess(world.ca.directory_url, limits=own))


async def declared(engine: Engine, world: World, *names: str, **changes: object) -> None:
    for name in names:
        await certificates.declare(engine.db, world.intent(name, **changes), world.clock.now())


async def facts(engine: Engine, world: World, names: list[str]) -> list[CertificateFact]:
    return [await world.fact(engine, name) for name in names]


async def learned(db: Database) -> list[LimitLearned]:
    return [each.event for each in await events.latest(db, 100) if isinstance(each.event, LimitLearned)]


def refused(detail: str, after: timedelta | None = None, *, status: int = 429) -> Fault:
    headers = {"content-type": "application/problem+json"}
    if after is not None:
        headers["retry-after"] = str(int(after.total_seconds()))
    body = f'{{"type": "{ProblemType.RATE_LIMITED.urn}", "detail": "{detail}"}}'
    return Fault("answered", status, headers, body.encode())


async def test_as_many_as_there_is_room_for_are_issued_and_the_others_in_their_turn(world: World) -> None:
    names = [f"c{n}.a.test" for n in range(30)]
    world.ca.order_limit = (10, 10 * HOUR)
    async with world.engine() as engine:
        await limited(engine, world, orders=world.ca.order_limit)
        await declared(engine, world, *names)
        await engine.worker.settle_due()
        known = await facts(engine, world, names)
        # One of ten is kept for what is urgent.
        assert sum(fact.current is not None for fact in known) == 9
        holds = sorted(fact.hold.until for fact in known if fact.hold)
        assert [at - world.clock.now() for at in holds] == [n * HOUR for n in range(1, 22)]
        for fact in known:
            assert (fact.failures, fact.failure) == (0, None)
            if fact.hold:
                waits = plan(fact, world.clock.now())
                assert isinstance(waits, Wait)
                assert waits.until == fact.hold.until
                assert waits.reason == "ca.test's limit of 10 new orders per account in 10 hours is used up"
        await world.pass_time(engine, 22 * HOUR)
        assert all(fact.current is not None for fact in await facts(engine, world, names))
        # Nobody knocked, and nobody was sent away.
        assert world.ca.seen["new-order"] == 30
        assert await learned(engine.db) == []


async def test_two_engines_share_what_there_is(world: World) -> None:
    names = [f"c{n}.a.test" for n in range(12)]
    world.ca.order_limit = (4, 4 * HOUR)
    async with world.engine() as one, world.engine() as other:
        await limited(one, world, orders=world.ca.order_limit)
        await declared(one, world, *names)
        for name in names[:6]:
            await one.worker.settle(name)
        for name in names[6:]:
            await other.worker.settle(name)
        known = await facts(one, world, names)
        assert sum(fact.current is not None for fact in known) == 4
        assert len({fact.hold.until for fact in known if fact.hold}) == 8
        assert world.ca.seen["new-order"] == 4


async def test_dying_between_the_payment_and_the_order_does_not_pay_twice(world: World) -> None:
    async with world.engine() as engine:
        await limited(engine, world, orders=(4, 4 * HOUR))
        world.ca.fail("new-order", Fault.unanswered())
        fact = await world.obtain(engine, world.intent("www.a.test"))
        assert fact.open_issuance is not None
        assert fact.open_issuance.status is IssuanceStatus.PLACING
        before = await budgets.at(engine.db, world.ca.directory_url)
    async with world.engine() as engine:
        await world.pass_time(engine, HOUR / 12)
        assert (await world.fact(engine, "www.a.test")).current is not None
        assert await budgets.at(engine.db, world.ca.directory_url) == before


async def test_what_is_urgent_uses_what_was_kept_for_it(world: World) -> None:
    async with world.engine() as engine:
        await limited(engine, world, orders=(5, 100 * DAY))
        await world.obtain(engine, world.intent("old.a.test"))
        await declared(engine, world, *(f"c{n}.a.test" for n in range(4)))
        await engine.worker.settle_due()
        routine = [await world.fact(engine, f"c{n}.a.test") for n in range(4)]
        assert sum(fact.hold is not None for fact in routine) == 1
        old = await world.fact(engine, "old.a.test")
        assert old.current is not None
        await issued.revoked(engine.db, old.current.id, 1, world.clock.now())
        await engine.worker.settle_due()
        renewed = await world.fact(engine, "old.a.test")
        assert renewed.current is not None
        assert renewed.current.id != old.current.id


@pytest.mark.parametrize("why", ["it was revoked", "an incident replaces it"])
async def test_what_waits_already_waits_no_longer_once_it_is_urgent(world: World, why: str) -> None:
    """That its CA had no room for it as something routine says nothing any more."""
    async with world.engine() as engine:
        await limited(engine, world, orders=(5, 100 * DAY))
        old = await world.obtain(engine, world.intent("old.a.test", terms=Terms(tags=("leaked",))))
        await declared(engine, world, *(f"c{n}.a.test" for n in range(4)))
        await engine.worker.settle_due()
        await certificates.wake(engine.db, "old.a.test", world.clock.now(), forced=True)
        await engine.worker.settle_due()
        waiting = await world.fact(engine, "old.a.test")
        assert waiting.hold is not None
        assert waiting.hold.until > world.clock.now() + HOUR
        assert old.current is not None
        if why == "it was revoked":
            await issued.revoked(engine.db, old.current.id, 1, world.clock.now())
        else:
            selection = Selection(tag="leaked")
            number = await open_incident(engine.db, selection, Measures(), "a key leaked", world.clock.now())
            await engine.incidents.advance(number)
        await engine.worker.settle_due()
        renewed = await world.fact(engine, "old.a.test")
        assert renewed.current is not None
        assert renewed.current.id != old.current.id


async def test_a_certificate_that_waits_is_looked_at_when_it_becomes_urgent(world: World) -> None:
    async with world.engine() as engine:
        first = await world.obtain(engine, world.intent("www.a.test"))
        await limited(engine, world, orders=(5, 500 * DAY))
        await declared(engine, world, *(f"c{n}.a.test" for n in range(4)))
        await engine.worker.settle_due()
        for n in range(4):
            await certificates.delete(engine.db, f"c{n}.a.test", world.clock.now())
        await world.pass_time(engine, 89 * DAY)
        last = await world.fact(engine, "www.a.test")
        assert first.current is not None
        assert last.current is not None
        # At five sixths of its life, and not at two thirds, when there was room for what is urgent alone.
        assert last.current.issued_at == first.current.not_before + 75 * DAY


async def test_a_limit_that_nobody_knew_is_learned_and_holds_all_back(world: World) -> None:
    names = [f"c{n}.a.test" for n in range(6)]
    async with world.engine() as engine:
        world.ca.fail("new-order", refused("too many new orders", 5 * HOUR))
        await declared(engine, world, *names)
        await engine.worker.settle(names[0])
        asked = world.ca.seen["new-order"]
        [told] = await learned(engine.db)
        assert (told.limit, told.subject) == ("new orders per account", "default")
        assert datetime.fromisoformat(told.until) == world.clock.now() + 5 * HOUR
        await engine.worker.settle_due()
        assert world.ca.seen["new-order"] == asked
        known = await facts(engine, world, names)
        assert all(fact.hold and fact.failures == 0 for fact in known)
        assert len({fact.hold.until for fact in known if fact.hold}) == 6
        await world.pass_time(engine, 6 * HOUR)
        assert all(fact.current for fact in await facts(engine, world, names))


async def test_after_a_no_of_which_no_limit_is_known_the_urgent_are_asked_for_first(world: World) -> None:
    served, wanted = [f"old{n}.a.test" for n in range(4)], [f"new{n}.a.test" for n in range(4)]
    async with world.engine() as engine:
        for name in served:
            await world.obtain(engine, world.intent(name))
        world.ca.fail("new-order", refused("too many new orders", HOUR))
        await declared(engine, world, *wanted)
        await engine.worker.settle(wanted[0])
        await engine.worker.settle_due()
        for fact in await facts(engine, world, served):
            assert fact.current is not None
            await issued.revoked(engine.db, fact.current.id, 1, world.clock.now())
        await engine.worker.settle_due()
        await world.pass_time(engine, HOUR - timedelta(seconds=1))
        # Nor does one that comes at this moment go before them.
        await declared(engine, world, "last.a.test")
        world.clock.advance(timedelta(seconds=2))
        await engine.worker.settle("last.a.test")
        await world.pass_time(engine, HOUR)
        asked = [order.identifiers[0].value for order in world.ca.orders.values()][len(served) :]
        assert sorted(asked[: len(served)]) == served
        assert sorted(asked[len(served) :]) == ["last.a.test", *wanted]


async def test_who_is_asked_for_by_a_person_is_behind_nobody(world: World) -> None:
    async with world.engine() as engine:
        old = await world.obtain(engine, world.intent("old.a.test"))
        assert old.current is not None
        world.ca.fail("new-order", refused("too many new orders", HOUR))
        await declared(engine, world, "new.a.test")
        await engine.worker.settle_due()
        await issued.revoked(engine.db, old.current.id, 1, world.clock.now())
        await engine.worker.settle_due()
        await wish(engine.db, [world.intent("new.a.test")], world.clock.now())
        await engine.worker.settle("new.a.test")
        assert (await world.fact(engine, "new.a.test")).current is not None


async def test_a_limit_of_one_domain_holds_back_that_domain_alone(world: World) -> None:
    text = 'too many certificates (50) already issued for \\"a.example\\" in the last 168h0m0s, retry after a while'
    async with world.engine() as engine:
        await limited(engine, world, domain=(50, 7 * DAY), orders=(300, 3 * HOUR))
        world.ca.fail("new-order", refused(text, 3 * HOUR))
        first = await world.obtain(engine, world.intent("www.a.example", "www.b.example"))
        assert first.hold is not None
        assert first.hold.limit == (
            "ca.test's limit of 50 certificates per registered domain in 7 days is used up for a.example"
        )
        assert (await world.obtain(engine, world.intent("other.a.example"))).hold is not None
        assert (await world.obtain(engine, world.intent("other.b.example"))).current is not None


async def test_a_ca_that_names_no_time_is_asked_ever_more_rarely(world: World) -> None:
    async with world.engine() as engine:
        world.ca.fail("new-order", refused("slow down"), times=8)
        await world.obtain(engine, world.intent("www.a.test"))
        moments = [world.clock.now()]
        while (fact := await world.fact(engine, "www.a.test")).current is None:
            assert fact.failures == 0
            assert fact.hold is not None
            moments.append(fact.hold.until)
            await world.pass_time(engine, fact.hold.until - world.clock.now())
        minutes = [(later - earlier) / timedelta(minutes=1) for earlier, later in pairwise(moments)]
        assert minutes == [1, 2, 4, 8, 16, 32, 64, 128]
        assert world.ca.seen["new-order"] == 9


async def test_once_the_ca_says_yes_again_those_that_wait_are_there_soon(world: World) -> None:
    """A thousand that were held in one second of `slow down` waited a quarter of an hour, though nobody said no."""
    names = [f"c{n}.a.test" for n in range(200)]
    async with world.engine() as engine:
        world.ca.fail("new-order", refused("slow down", timedelta(seconds=1)))
        await declared(engine, world, *names)
        await engine.worker.settle(names[0])
        await engine.worker.settle_due()
        assert world.ca.seen["new-order"] == 1
        await world.pass_time(engine, timedelta(seconds=10))
        assert all(fact.current for fact in await facts(engine, world, names))
        # None was sent away for having come too early, nor did all of them come at once.
        assert world.ca.seen["new-order"] == 1 + len(names)
        moments = sorted(fact.current.issued_at for fact in await facts(engine, world, names) if fact.current)
        assert moments[1] - moments[0] >= timedelta(seconds=1)


async def test_an_account_that_is_paused_is_a_failure_that_its_owner_is_told_of(world: World) -> None:
    text = "Your account is temporarily prevented from requesting certificates for www.a.test. Please visit: https://x.test"
    async with world.engine() as engine:
        world.ca.fail("new-order", refused(text))
        fact = await world.obtain(engine, world.intent("www.a.test"))
        assert fact.hold is None
        assert fact.failure is not None
        assert "https://x.test" in fact.failure.message


async def test_a_name_that_fails_is_held_before_the_ca_loses_patience(world: World) -> None:
    world.ca.validate = lambda *_: "no answer"
    intent = world.intent("bad.a.test")
    async with world.engine() as engine:
        await limited(engine, world, failures=(2, 48 * HOUR))
        fact = await world.obtain(engine, intent)
        assert fact.failures == 1
        # It is asked for by hand, again and again.
        for _ in range(4):
            await certificates.wake(engine.db, intent.name, world.clock.now(), forced=True)
            await engine.worker.settle(intent.name)
        assert world.ca.seen["new-order"] == 2
        fact = await world.fact(engine, intent.name)
        assert fact.hold is not None
        assert fact.hold.limit.endswith("is used up for bad.a.test")
        world.ca.validate = lambda *_: None
        await world.pass_time(engine, 25 * HOUR)
        assert (await world.fact(engine, intent.name)).current is not None


async def test_failures_in_a_row_are_forgiven_by_a_success(world: World) -> None:
    verdicts = iter(["no answer", "no answer", None])
    world.ca.validate = lambda *_: next(verdicts)
    async with world.engine() as engine:
        await limited(engine, world, failures_in_a_row=(5, 5 * DAY))
        await world.obtain(engine, world.intent("www.a.test"))
        [bucket] = await budgets.at(engine.db, world.ca.directory_url)
        assert bucket.tat == to_epoch(world.clock.now()) + DAY // timedelta(microseconds=1)
        await world.pass_time(engine, HOUR)
        assert (await world.fact(engine, "www.a.test")).current is not None
        assert await budgets.at(engine.db, world.ca.directory_url) == []


async def test_a_critical_certificate_waits_an_hour_at_most_for_its_turn(world: World) -> None:
    async with world.engine() as engine:
        await limited(engine, world, orders=(5, 50 * DAY))
        await declared(engine, world, *(f"c{n}.a.test" for n in range(4)))
        await engine.worker.settle_due()
        await declared(engine, world, "key.a.test", terms=Terms(criticality=Criticality.CRITICAL))
        await engine.worker.settle_due()
        fact = await world.fact(engine, "key.a.test")
        assert fact.hold is not None
        assert fact.hold.until == world.clock.now() + HOUR
        await world.pass_time(engine, HOUR)
        assert (await world.fact(engine, "key.a.test")).current is not None


async def test_who_asks_before_its_turn_keeps_its_place_and_costs_nobody_a_moment(world: World) -> None:
    names = [f"c{n}.a.test" for n in range(6)]
    async with world.engine() as engine:
        await limited(engine, world, orders=(3, 3 * HOUR))
        await declared(engine, world, *names)
        await engine.worker.settle_due()
        turns = {fact.intent.name: fact.hold.until for fact in await facts(engine, world, names) if fact.hold}
        assert sorted(turns.values()) == [world.clock.now() + n * HOUR for n in (1, 2, 3)]
        for name in [*turns, *turns]:
            await certificates.wake(engine.db, name, world.clock.now())
            await engine.worker.settle_due()
        known = {fact.intent.name: fact.hold.until for fact in await facts(engine, world, names) if fact.hold}
        assert known == turns
        await world.pass_time(engine, 3 * HOUR)
        assert all(fact.current for fact in await facts(engine, world, names))
