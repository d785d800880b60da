"""CAs are asked when to renew about many certificates at a time; nothing is lost by that, and little is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.acme.problem import ProblemType
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Row, Statement
from evercert.engine.renewal.renewing import AHEAD, next_poll
from evercert.engine.wiring import Engine
from evercert.model.event import RenewalMoved
from evercert.model.fact import CertificateFact, IssuedCertificate
from evercert.model.task import Step, Task
from evercert.store import certificates, events, health, leases, renewals, tasks
from tests.engine.world import World
from tests.fakes.ca import Fault

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAMES = [f"n{number}.a.test" for number in range(40)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.ca.window = (made.clock.now() + 50 * DAY, made.clock.now() + 55 * DAY)
    return made


class Counted:
    """A database that counts what is written to it; keeps its contract as far as polls need it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.writes: list[Sequence[Statement]] = []
        self.rows, self.read, self.scan = db.rows, db.read, db.scan
        self.listen, self.notify, self.close = db.listen, db.notify, db.close

    async def write(self, *statements: Statement) -> list[list[Row]]:
        self.writes.append(statements)
        return await self._db.write(*statements)


async def onboarded(world: World, engine: Engine) -> None:
    """All of them are issued and installed, and their CA was asked once."""
    for name in NAMES:
        await certificates.declare(engine.db, world.intent(name), world.clock.now())
    await engine.worker.settle_due()
    assert world.ca.seen["renewal-info"] == len(NAMES)


async def facts(engine: Engine) -> list[CertificateFact]:
    return list((await certificates.facts(engine.db, NAMES)).values())


async def test_forty_polls_with_the_same_answer_are_one_transaction_of_a_row_each(world: World) -> None:
    async with world.engine() as engine:
        await onboarded(world, engine)
        before = await facts(engine)
        world.clock.advance(7 * HOUR)
        counted = Counted(engine.db)
        assert sorted(await replace(engine.polling, db=counted).look()) == sorted(NAMES)
        assert world.ca.seen["renewal-info"] == 2 * len(NAMES)
        [written] = counted.writes
        assert [each.query.name for each in written] == ["polled"] * len(NAMES)
        after = await facts(engine)
        assert [each.renewal.moment for each in after if each.renewal] == [
            each.renewal.moment for each in before if each.renewal
        ]
        assert await engine.worker.settle_due() == []
        assert world.ca.seen["renewal-info"] == 2 * len(NAMES)
        running = await tasks.agenda(engine.db, world.clock.now(), state=tasks.TaskState.RUNNING)
        assert running.lines == ()


async def test_nothing_is_asked_before_its_time_and_each_comes_again_within_a_day(world: World) -> None:
    async with world.engine() as engine:
        await onboarded(world, engine)
        await world.pass_time(engine, 5 * HOUR)
        assert world.ca.seen["renewal-info"] == len(NAMES)
        await world.pass_time(engine, 3 * DAY)
        # Every six hours and a little more, as the CA said nothing.
        assert 10 * len(NAMES) < world.ca.seen["renewal-info"] <= 14 * len(NAMES)
        assert {each.ari_poll_at for each in await facts(engine)} != {None}


async def test_a_window_that_moved_into_the_past_is_an_event_and_renews_all_at_once(world: World) -> None:
    async with world.engine() as engine:
        await onboarded(world, engine)
        moved = world.clock.now()
        world.ca.window = (moved - 2 * DAY, moved - DAY)
        await world.pass_time(engine, 7 * HOUR)
        assert len(world.ca.orders) == 2 * len(NAMES)
        kinds = [type(each.event) for each in await events.latest(engine.db, 1000)]
        assert kinds.count(RenewalMoved) == len(NAMES)
        assert await events.verify(engine.db) == len(kinds)


async def test_a_ca_that_does_not_answer_is_told_of_once_and_asked_again_hours_later(world: World) -> None:
    async with world.engine() as engine:
        await onboarded(world, engine)
        world.clock.advance(7 * HOUR)
        world.told.clear()
        world.ca.fail("renewal-info", Fault.refused(ProblemType.MALFORMED), times=len(NAMES))
        await engine.polling.look()
        [line] = world.told
        assert line.startswith(f": {world.ca.directory_url} could not say when to renew 40 of 40 certificates: ")
        assert await certificates.next_action_at(engine.db) > world.clock.now() + 6 * HOUR  # type: ignore[operator]
        assert all(each.renewal for each in await facts(engine))


async def test_what_the_store_fails_is_not_said_of_the_ca(world: World) -> None:
    class Away(Counted):
        async def write(self, *statements: Statement) -> list[list[Row]]:
            raise EvercertError("store", "the connection was lost")

    async with world.engine() as engine:
        await onboarded(world, engine)
        fact = (await facts(engine))[0]
        world.told.clear()
        poll = Task(fact.intent.name, Step.POLL_RENEWAL_INFO, "it is time to ask the CA when to renew")
        with pytest.raises(EvercertError, match="the connection was lost"):
            await engine.worker._hands[poll.step](Away(engine.db), fact, poll)
        assert world.told == []


async def test_of_a_ca_that_was_silent_one_certificate_finds_out_whether_it_answers_again(world: World) -> None:
    async with world.engine() as engine:
        await onboarded(world, engine)
        ca = world.ca.directory_url
        await health.silent(engine.db, ca, None, "no answer", world.clock.now())
        world.clock.advance(7 * HOUR)
        world.ca.fail("renewal-info", Fault.lost(), times=100)
        await engine.polling.look()
        asked = world.ca.seen["renewal-info"] - len(NAMES)
        assert 1 <= asked < len(NAMES) / 4
        assert ca in await health.outages(engine.db)
        world.ca.forgive()
        world.clock.advance(8 * HOUR)
        await engine.polling.look()
        assert world.ca.seen["renewal-info"] == 2 * len(NAMES) + asked
        assert await health.outages(engine.db) == {}


async def test_a_ca_that_cannot_say_when_and_issues_all_the_same_is_no_ca_that_is_down(world: World) -> None:
    """RFC 9773 §4.3: renewal information is asked for often, and there is no renewal that needs it."""
    async with world.engine() as engine:
        await onboarded(world, engine)
        world.ca.fail("renewal-info", Fault.answered(503), times=10_000)
        for _ in range(3):
            world.clock.advance(7 * HOUR)
            assert sorted(await engine.polling.look()) == sorted(NAMES)
        asked = world.ca.seen["renewal-info"] - len(NAMES)
        assert asked < len(NAMES)  # one of each look, a few times
        assert sum(" could not say when to renew 1 of 40 " in line for line in world.told) == 1
        await certificates.wake(engine.db, NAMES[0], world.clock.now(), forced=True)
        await engine.worker.settle(NAMES[0])
        assert await health.outages(engine.db) == {}
        fact = await world.fact(engine, NAMES[0])
        assert fact.current is not None
        assert fact.current.id > len(NAMES)


async def test_a_ca_that_says_when_and_issues_nothing_is_down_all_the_same(world: World) -> None:
    async with world.engine() as engine:
        await onboarded(world, engine)
        world.clock.advance(7 * HOUR)
        await health.silent(engine.db, world.ca.directory_url, None, "no answer", world.clock.now())
        before = await health.outages(engine.db)
        world.clock.advance(10)
        await engine.polling.look()
        assert world.ca.seen["renewal-info"] == 2 * len(NAMES)
        assert await health.outages(engine.db) == before


async def test_what_is_due_for_more_than_a_poll_is_the_workers(world: World) -> None:
    async with world.engine() as engine:
        await onboarded(world, engine)
        world.clock.advance(7 * HOUR)
        forced, stopped, open_one, *others = NAMES
        await certificates.wake(engine.db, forced, world.clock.now(), forced=True)
        await tasks.stop(engine.db, stopped, "by hand", world.clock.now())
        await certificates.declare(engine.db, world.intent(open_one, "more.a.test"), world.clock.now())
        assert sorted(await engine.polling.look()) == sorted(others)
        assert set(await engine.worker.settle_due()) == {forced, stopped, open_one}
        assert len(world.ca.orders) == len(NAMES) + 2


async def claimed(world: World, engine: Engine, owner: str) -> leases.Lease:
    now = world.clock.now()
    [lease] = await leases.claim_polls(engine.db, owner, now, now + timedelta(minutes=1), 1, by=now)
    return lease


async def test_who_asks_for_attention_meanwhile_is_heard(world: World) -> None:
    async with world.engine() as engine:
        await onboarded(world, engine)
        world.clock.advance(7 * HOUR)
        lease, now = await claimed(world, engine, "one"), world.clock.now()
        await certificates.wake(engine.db, lease.certificate, now)
        await engine.db.write(renewals.polled(lease, now + DAY, now + DAY, 6, now))
        due = await tasks.agenda(engine.db, now, state=tasks.TaskState.DUE, match=lease.certificate)
        assert [(each.next_action_at, each.lease_owner) for each in due.lines] == [(now, "")]


async def test_who_was_away_for_longer_than_the_lease_changes_nothing(world: World) -> None:
    async with world.engine() as engine:
        await onboarded(world, engine)
        world.clock.advance(7 * HOUR)
        late = await claimed(world, engine, "one")
        world.clock.advance(HOUR)
        held = {(await claimed(world, engine, "other")).certificate for _ in NAMES}
        assert held == set(NAMES)
        now = world.clock.now()
        await engine.db.write(renewals.polled(late, now + DAY, now + DAY, 6, now))
        fact = await world.fact(engine, late.certificate)
        assert fact.ari_poll_at is not None
        assert fact.ari_poll_at < now
        assert await leases.holder(engine.db, late.certificate) == "other"


async def test_a_ca_that_learns_to_say_when_is_noticed_within_some_days(world: World) -> None:
    world.ca.window = None
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
        world.ca.window = (world.clock.now() + 40 * DAY, world.clock.now() + 41 * DAY)
        await world.pass_time(engine, 3 * DAY)
        fact = await world.fact(engine, "www.a.test")
    assert fact.renewal is not None
    assert world.ca.window[0] <= fact.renewal.moment <= world.ca.window[1]


def lived(life: timedelta) -> IssuedCertificate:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return IssuedCertificate(1, "www", 1, 1, "01", now, now + life, "00", "CA", "a.b", now)


@given(st.integers(60, 86_400), st.integers(20 * 24, 9_000), st.integers(0, 99))
def test_a_ca_is_never_asked_sooner_than_it_said_and_not_much_later(told: int, hours: int, seed: int) -> None:
    now, said = datetime(2026, 1, 1, tzinfo=UTC), timedelta(seconds=told)
    at = next_poll(lived(hours * HOUR), now, Random(seed), said)
    # It may be asked together with what is due a moment later.
    assert said <= at - AHEAD - now <= said * 9 / 8


@given(st.floats(0.01, 20 * 24), st.integers(0, 99))
def test_a_short_life_is_asked_about_some_twenty_times(hours: float, seed: int) -> None:
    now, life = datetime(2026, 1, 1, tzinfo=UTC), hours * HOUR
    at = next_poll(lived(life), now, Random(seed), DAY)
    assert life / 20 <= at - now <= life / 20 * 9 / 8 + (AHEAD if life >= timedelta(minutes=20) else timedelta())
