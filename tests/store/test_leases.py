"""Leases: one holder at a time, whoever is late changes nothing, and what nobody works on any more is due again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from evercert.base.errors import EvercertError
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from evercert.db.protocol import Database
from evercert.model.terms import Criticality, Terms
from evercert.store import certificates, deployments, leases, renewals, tasks
from evercert.store.opening import open_store
from evercert.store.schema import MIGRATIONS
from evercert.store.sql import load_queries
from tests.store import given
from tests.store.given import DAY, HOUR, NOW

MINUTE = timedelta(minutes=1)

_FAILED = load_queries("certificates")["certificate failed"]


async def names(db: Database, owner: str, limit: int, now_after: timedelta = timedelta()) -> list[str]:
    """What *owner* is given, for a minute."""
    now = NOW + now_after
    return sorted(each.certificate for each in await leases.claim_due(db, owner, now, now + MINUTE, limit))


async def test_the_most_pressing_are_given_first_then_those_due_longest(db: Database) -> None:
    for minute in (3, 1, 2, 5):
        await certificates.declare(db, given.intent(f"c{minute}"), NOW + minute * MINUTE)
    urgent = given.intent("urgent", terms=Terms(criticality=Criticality.CRITICAL))
    await certificates.declare(db, urgent, NOW + 3 * MINUTE)
    assert await names(db, "one", 2, 4 * MINUTE) == ["c1", "urgent"]
    assert await names(db, "another", 10, 4 * MINUTE) == ["c2", "c3"]
    assert await names(db, "another", 10, 4 * MINUTE) == []


async def test_rank_orders_what_is_due_together(db: Database) -> None:
    for name, rank in (("late", 6), ("near", 1)):
        await given.declared(db, name)
        await certificates.schedule(db, name, NOW + HOUR, rank=rank)
    assert await certificates.next_action_at(db) == NOW + HOUR
    assert await names(db, "one", 1, HOUR) == ["near"]


async def test_a_lease_of_a_certificate_that_was_deleted_is_none_of_another_one_of_that_name(db: Database) -> None:
    await given.declared(db)
    late = await leases.claim(db, "www", "late", NOW, NOW + MINUTE)
    assert late is not None
    await certificates.delete(db, "www", NOW + MINUTE)
    await certificates.declare(db, given.intent("www"), NOW + MINUTE)
    assert await leases.claim(db, "www", "another", NOW + MINUTE, NOW + HOUR) is not None
    assert not await leases.is_current(db, late)
    with pytest.raises(EvercertError, match="somebody else was first"):
        await db.write(leases.fence(late), deployments.removed("www", "files"))


async def test_what_is_leased_is_nobody_elses_until_the_lease_runs_out(db: Database) -> None:
    await given.declared(db)
    lease = await leases.claim(db, "www", "one", NOW, NOW + MINUTE)
    assert lease is not None
    assert await leases.holder(db, "www") == "one"
    assert await leases.claim(db, "www", "another", NOW, NOW + MINUTE) is None
    await certificates.wake(db, "www", NOW)
    assert await names(db, "another", 1) == []
    assert await leases.extend(db, "one", NOW + 2 * MINUTE) == {lease}
    assert await names(db, "another", 1, MINUTE) == []
    assert await names(db, "another", 1, 2 * MINUTE) == ["www"]
    assert await leases.extend(db, "one", NOW + HOUR) == set()


async def test_whoever_lost_the_lease_writes_nothing(db: Database) -> None:
    await given.declared(db)
    late = await leases.claim(db, "www", "one", NOW, NOW + MINUTE)
    lease = await leases.claim(db, "www", "another", NOW + MINUTE, NOW + 2 * MINUTE)
    assert late is not None
    assert lease is not None
    with pytest.raises(EvercertError) as caught:
        await db.write(leases.fence(late), deployments.removed("www", "nginx"))
    assert caught.value.code.name == "conflict"
    assert not await leases.is_current(db, late)
    await leases.release(db, late, NOW)
    assert await leases.holder(db, "www") == "another"
    await db.write(leases.fence(lease), deployments.removed("www", "nginx"))


async def test_scheduling_lets_go_and_a_wake_in_between_keeps_it(db: Database) -> None:
    await given.declared(db)
    await leases.claim(db, "www", "one", NOW, NOW + MINUTE)
    await certificates.wake(db, "www", NOW)
    assert not await certificates.schedule(db, "www", NOW + DAY)
    assert await leases.holder(db, "www") == "one"
    assert await certificates.schedule(db, "www", NOW + DAY)
    assert await leases.holder(db, "www") == ""


async def test_what_was_let_go_unfinished_and_what_a_dead_one_had_is_due(db: Database) -> None:
    for name in ("a", "b"):
        await given.declared(db, name)
        await certificates.schedule(db, name, NOW + DAY)
    first = await leases.claim(db, "a", "one", NOW, NOW + HOUR)
    await leases.claim(db, "b", "dead", NOW, NOW + HOUR)
    assert first is not None
    assert await leases.owners(db) == ["dead", "one"]
    await leases.release(db, first, NOW)
    assert await leases.free(db, "dead", NOW) == 1
    assert await leases.owners(db) == []
    assert await names(db, "another", 10) == ["a", "b"]


async def test_of_what_does_not_exist_there_is_no_lease(db: Database) -> None:
    assert await leases.claim(db, "www", "one", NOW, NOW + MINUTE) is None
    assert await leases.holder(db, "www") is None


async def test_many_that_claim_at_once_share_what_is_due(
    new_place: Callable[[Sequence[Migration]], Place],
) -> None:
    place = new_place(MIGRATIONS)
    async with AsyncExitStack() as opened:
        nodes = [await opened.enter_async_context(open_store(place)) for _ in range(4)]
        for number in range(200):
            await given.declared(nodes[0], f"c{number}")
        given_out: Counter[str] = Counter()

        async def work(node: Database, owner: str) -> None:
            while claimed := await names(node, owner, 7):
                given_out.update(claimed)

        await asyncio.gather(*(work(node, f"node-{number}") for number, node in enumerate(nodes)))
        assert len(given_out) == 200
        assert set(given_out.values()) == {1}


async def test_a_fence_and_a_claim_at_once_never_both_win(new_place: Callable[[Sequence[Migration]], Place]) -> None:
    """The fence holds whoever takes the lease until what it guards is durable, or fails."""
    place = new_place(MIGRATIONS)
    async with open_store(place) as one, open_store(place) as another:
        for number in range(40):
            name = f"c{number}"
            await given.declared(one, name)
            lease = await leases.claim(one, name, "one", NOW, NOW)
            assert lease is not None
            wrote, taken = await asyncio.gather(
                one.write(leases.fence(lease), _FAILED(name=name, failures=7, failure=None, retry_at=0).expecting(1)),
                leases.claim(another, name, "another", NOW, NOW + MINUTE),
                return_exceptions=True,
            )
            assert taken is not None
            fact = await certificates.fact(one, name)
            assert fact is not None
            assert (fact.failures == 7) == (not isinstance(wrote, BaseException))


async def test_polls_that_are_due_are_given_out_together_and_what_waits_for_something_sooner_is_not(
    db: Database,
) -> None:
    for name in ("asked", "soon", "later", "unasked", "stopped", "forced"):
        await given.declared(db, name)
        if name != "unasked":
            at = {"soon": NOW + MINUTE, "later": NOW + HOUR}.get(name, NOW)
            await renewals.ari_poll(db, name, at)
            await certificates.schedule(db, name, at)
            await certificates.schedule(db, name, at)
    await tasks.stop(db, "stopped", "by hand", NOW)
    await certificates.wake(db, "forced", NOW, forced=True)
    claims = [leases.claim_polls(db, owner, NOW, NOW + MINUTE, 10, by=NOW + MINUTE) for owner in ("one", "other")]
    given_out = sorted(each.certificate for claimed in await asyncio.gather(*claims) for each in claimed)
    assert given_out == ["asked", "soon"]


async def test_an_answer_puts_the_poll_off_and_lets_go_in_one_statement(db: Database) -> None:
    await given.declared(db)
    await renewals.ari_poll(db, "www", NOW)
    await certificates.schedule(db, "www", NOW)
    await certificates.schedule(db, "www", NOW)
    [lease] = await leases.claim_polls(db, "one", NOW, NOW + MINUTE, 10, by=NOW)
    await db.write(renewals.polled(lease, NOW + HOUR, NOW + HOUR, 5, NOW))
    assert await certificates.next_action_at(db) == NOW + HOUR
    assert await leases.holder(db, "www") == ""
    await db.write(renewals.polled(lease, NOW + DAY, NOW + DAY, 5, NOW))
    fact = await certificates.fact(db, "www")
    assert fact is not None
    assert fact.ari_poll_at == NOW + HOUR
    assert await certificates.facts(db, ["www", "nobody"]) == {"www": fact}
