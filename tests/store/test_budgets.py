"""The ledger of limits: as many draw as there is room for, whoever they are, and what waits comes one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from evercert.base.clock import to_epoch
from evercert.base.errors import EvercertError
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from evercert.db.protocol import Database
from evercert.model.event import LimitLearned
from evercert.model.fact import Issuance, IssuanceStatus
from evercert.store import budgets, certificates, events, issuances, retention
from evercert.store.budgets import Bucket, Reserved
from evercert.store.guarded import goes_through
from evercert.store.opening import open_store
from evercert.store.retention import Retention
from evercert.store.schema import MIGRATIONS
from tests.store import given
from tests.store.given import CA, DAY, HOUR, NOW

KEY = (CA, "orders", "default")
OTHER = (CA, "set", "abc")
SECOND = 1_000_000
T = to_epoch(NOW)


async def draws(db: Database, key: budgets.Key = KEY, *, now: int = T, count: int = 5) -> bool:
    """Whether one second of a limit of so many could be drawn."""
    return await goes_through(db, budgets.draw(key, now=now, span=SECOND, latest=now + (count - 1) * SECOND))


async def bucket(db: Database, key: budgets.Key = KEY) -> Bucket:
    [found] = await budgets.buckets(db, [key])
    return found


async def test_a_bucket_gives_what_it_has_and_gets_it_back_evenly(db: Database) -> None:
    assert [await draws(db) for _ in range(7)] == [True] * 5 + [False] * 2
    assert not await draws(db, now=T + SECOND - 1)
    assert await draws(db, now=T + SECOND)
    assert not await draws(db, now=T + SECOND)
    assert [await draws(db, now=T + 100 * SECOND) for _ in range(6)] == [True] * 5 + [False]
    assert await bucket(db) == Bucket(KEY, T + 105 * SECOND)


async def test_where_one_bucket_has_no_room_nothing_is_drawn_and_nothing_is_placed(db: Database) -> None:
    while await draws(db, OTHER):
        pass
    issuance = await given.begun(db)
    paid = [budgets.draw(key, now=T, span=SECOND, latest=T + 4 * SECOND) for key in (KEY, OTHER)]
    with pytest.raises(EvercertError) as told:
        await issuances.placing(db, issuance, *paid)
    assert told.value.code.name == "conflict"
    assert await bucket(db) == Bucket(KEY)
    kept = await issuances.get(db, issuance.id)
    assert kept is not None
    assert kept.status is IssuanceStatus.KEYED


async def test_nobody_pays_twice_for_one_order(db: Database) -> None:
    issuance = await given.begun(db)
    paid = budgets.draw(KEY, now=T, span=SECOND, latest=T + 4 * SECOND)
    await issuances.placing(db, issuance, paid)
    with pytest.raises(EvercertError) as told:
        await issuances.placing(db, issuance, paid)
    assert told.value.code.name == "conflict"
    assert (await bucket(db)).tat == T + SECOND


async def test_of_many_nodes_as_many_win_as_there_is_room_for(
    new_place: Callable[[Sequence[Migration]], Place],
) -> None:
    place = new_place(MIGRATIONS)
    async with open_store(place) as one, open_store(place) as two, open_store(place) as three:
        for turn in range(5):
            key = (CA, "orders", str(turn))
            outcomes = await asyncio.gather(*(draws(db, key, count=7) for db in (one, two, three) * 8))
            assert sum(outcomes) == 7
            assert (await bucket(one, key)).tat == T + 7 * SECOND


async def test_nodes_that_draw_from_several_buckets_do_not_wait_for_each_other(
    new_place: Callable[[Sequence[Migration]], Place],
) -> None:
    place = new_place(MIGRATIONS)
    keys = sorted([(CA, "domain", "example.com"), KEY, OTHER])

    paid = [budgets.draw(key, now=T, span=SECOND, latest=T + 9 * SECOND) for key in keys]
    async with open_store(place) as one, open_store(place) as two:
        outcomes = await asyncio.gather(*(goes_through(db, *paid) for db in (one, two) * 10))
        assert sum(outcomes) == 10
        assert {each.tat for each in await budgets.buckets(one, keys)} == {T + 10 * SECOND}


async def test_looking_draws_nothing(db: Database) -> None:
    await db.write(budgets.has_room(KEY, now=T, latest=T, behind=T))
    assert await budgets.at(db, CA) == []
    await draws(db)
    await db.write(budgets.has_room(KEY, now=T, latest=T + SECOND, behind=T))
    with pytest.raises(EvercertError):
        await db.write(budgets.has_room(KEY, now=T, latest=T + SECOND - 1, behind=T))


async def test_who_lets_the_urgent_go_first_has_room_after_the_last_of_their_moments(db: Database) -> None:
    await draws(db)
    latest, last = T + 9 * SECOND, T + 99 * SECOND
    assert await budgets.queue(db, KEY, T + 5 * SECOND, SECOND, last, urgent=True) == T + 5 * SECOND
    # Those that may wait are before nobody.
    assert await budgets.queue(db, KEY, T + 5 * SECOND, SECOND, last, urgent=False) == T + 5 * SECOND
    with pytest.raises(EvercertError):
        await db.write(budgets.has_room(KEY, now=T, latest=latest, behind=T + 5 * SECOND - 1))
    await db.write(budgets.has_room(KEY, now=T, latest=latest, behind=T + 5 * SECOND))
    assert (await bucket(db)).urgent_tail == T + 5 * SECOND


async def test_what_the_ca_counted_is_counted_though_there_was_no_room(db: Database) -> None:
    while await draws(db):
        pass
    await db.write(budgets.charge(KEY, now=T, span=3 * SECOND))
    assert (await bucket(db)).tat == T + 8 * SECOND
    await db.write(budgets.forgive(KEY, now=T))
    assert await bucket(db) == Bucket(KEY)


async def test_those_that_wait_get_a_moment_each_and_none_beyond_the_last(db: Database) -> None:
    await draws(db)
    last = T + 10 * SECOND
    moments = [await budgets.queue(db, KEY, T + 5 * SECOND, 2 * SECOND, last, urgent=False) for _ in range(5)]
    assert moments == [T + 5 * SECOND, T + 7 * SECOND, T + 9 * SECOND, None, None]
    assert await budgets.queue(db, KEY, T + SECOND, 2 * SECOND, last, urgent=True) == T + SECOND
    # Who looks later is not behind those that found no place.
    assert await budgets.queue(db, KEY, T + 5 * SECOND, 2 * SECOND, last + SECOND, urgent=False) == T + 11 * SECOND


@pytest.mark.parametrize("urgent", [False, True])
async def test_those_that_wait_come_twice_as_close_with_each_span_where_that_is_asked_for(
    db: Database, urgent: bool
) -> None:
    await draws(db)
    room, last = T + 5 * SECOND, T + 99 * SECOND

    async def queued() -> int:
        moment = await budgets.queue(db, KEY, room, SECOND, last, urgent=urgent, doublings=2)
        assert moment is not None
        return moment

    after = [(await queued() - room) / SECOND for _ in range(12)]
    assert after == [0, 1, 1.5, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 3.75, 4]
    # Where there is no room until later, it begins anew.
    room += 20 * SECOND
    assert [await queued() - room for _ in range(2)] == [0, SECOND]


async def test_a_limit_that_shrinks_is_used_up_and_no_more_than_that(db: Database) -> None:
    """Of fifty that were drawn, five are all that the lower limit has; what the CA said goes before it."""
    learned = (CA, "orders", "other")
    event = LimitLearned("www.a.test", CA, "new orders", "other", "later")
    await budgets.learn(db, [Bucket(learned, T + 149 * SECOND, T + 100 * SECOND, 0)], event, NOW)
    await db.write(budgets.charge(KEY, now=T, span=50 * SECOND))
    await db.write(*budgets.overridden(CA, "orders", now=T, steps=(SECOND, 10 * SECOND), most=5))
    assert (await bucket(db)).tat == T + 50 * SECOND
    assert (await bucket(db, learned)).tat == T + 150 * SECOND
    await db.write(*budgets.overridden(CA, "orders", now=T, steps=(10 * SECOND, SECOND), most=50))
    assert (await bucket(db)).tat == T + 5 * SECOND


async def test_what_a_ca_said_holds_every_node_back_and_is_told_once(db: Database) -> None:
    event = LimitLearned(ca=CA, limit="new orders per account", subject="default", until="later")
    until = T + 60 * SECOND
    await budgets.learn(db, [Bucket(KEY, T + SECOND, until, 2)], event, NOW)
    assert not await draws(db)
    assert not await draws(db, now=until - 1)
    await budgets.learn(db, [Bucket(KEY, 0, until - 5 * SECOND, 3)], event, NOW)
    assert await bucket(db) == Bucket(KEY, T + SECOND, until, 3)
    assert await draws(db, now=until)
    assert [each.event for each in await events.latest(db, 9)] == [event, event]
    await db.write(budgets.forgive(KEY, now=T))
    assert (await bucket(db)).learned_until == until


async def test_history_is_no_news_to_a_ledger_that_counts(db: Database) -> None:
    assert not await budgets.is_known(db, CA)
    await draws(db)
    await budgets.seed(db, [Bucket(KEY, T + 99 * SECOND), Bucket(OTHER, T + 7 * SECOND)])
    assert await budgets.is_known(db, CA)
    assert await budgets.at(db, CA) == [Bucket(KEY, T + SECOND), Bucket(OTHER, T + 7 * SECOND)]


async def test_full_buckets_go_and_others_stay(db: Database) -> None:
    await draws(db)
    await draws(db, OTHER, now=to_epoch(NOW + 2 * DAY))
    learned = (CA, "domain", "example.com")
    await budgets.learn(db, [Bucket(learned, 0, to_epoch(NOW + 2 * DAY))], LimitLearned(), NOW)
    pruned = await retention.prune(db, NOW + DAY + HOUR, Retention(event_age=timedelta(days=9999)))
    assert pruned.budgets == 1
    assert [each.key for each in await budgets.at(db, CA)] == [learned, OTHER]


async def test_who_gives_back_and_who_learns_do_not_wait_for_each_other(
    new_place: Callable[[Sequence[Migration]], Place],
) -> None:
    place = new_place(MIGRATIONS)
    async with open_store(place) as one, open_store(place) as two:
        for turn in range(20):
            issuance = await given.begun(one, f"c{turn}")
            paid = budgets.draw(KEY, now=T, span=SECOND, latest=T + 99 * SECOND)
            placing = await issuances.placing(one, issuance, paid, reserved=[Reserved(KEY, SECOND)])
            await asyncio.gather(
                issuances.abandon(one, placing, "lost", now=NOW),
                budgets.learn(two, [Bucket(KEY, 0, T - 1)], LimitLearned(ca=CA), NOW),
            )
        assert (await bucket(one)).tat == T


async def _reserving(db: Database, account: str = "default", *, rival: bool = False) -> Issuance:
    """An issuance that may be ordered, with tokens of two buckets reserved for it."""
    begun = await issuances.begin(db, "www", (await given.account(db, account)).id, None, b"csr", now=NOW, rival=rival)
    paid = [budgets.charge(key, now=T, span=SECOND) for key in (KEY, OTHER)]
    reserved = [Reserved(KEY, SECOND), Reserved(OTHER, SECOND)]
    return await issuances.placing(db, begun, *paid, reserved=reserved)


async def _used(db: Database) -> list[int]:
    return [(await bucket(db, key)).tat - T for key in (KEY, OTHER)]


async def test_what_was_reserved_is_given_back_whatever_ends_the_issuance(db: Database) -> None:
    await given.declared(db)
    await issuances.abandon(db, await _reserving(db), "lost", now=NOW)
    assert await _used(db) == [0, 0]
    await db.write(*issuances.abandoned(await _reserving(db), "another CA is asked now", NOW))
    assert await _used(db) == [0, 0]
    await _reserving(db)
    await certificates.declare(db, given.intent(profile="other"), NOW)
    assert await _used(db) == [0, 0]
    # Whoever gives it up read it before it was paid for.
    before = await issuances.begin(db, "www", (await given.account(db)).id, None, b"csr", now=NOW)
    paid = budgets.charge(KEY, now=T, span=SECOND)
    await issuances.placing(db, before, paid, reserved=[Reserved(KEY, SECOND)])
    await certificates.leave_out(db, "www", [], NOW, before)
    assert await _used(db) == [0, 0]


async def test_nothing_is_given_back_twice_nor_of_what_was_issued(db: Database) -> None:
    await given.declared(db)
    placing = await _reserving(db)
    ordered = await issuances.ordered(db, placing, "https://ca.test/o", ca=CA, adopted=False, now=NOW)
    await issuances.issued(db, ordered, given.chain(1), given.view(1), now=NOW)
    with pytest.raises(EvercertError):
        await issuances.abandon(db, ordered, "late", now=NOW)
    assert await _used(db) == [SECOND, SECOND]


async def test_the_loser_of_a_race_gives_back_unless_its_certificate_comes_all_the_same(db: Database) -> None:
    await given.declared(db)
    loser, winner = await _reserving(db), await _reserving(db, "other", rival=True)
    assert await _used(db) == [2 * SECOND, 2 * SECOND]
    loser = await issuances.ordered(db, loser, "https://ca.test/1", ca=CA, adopted=False, now=NOW)
    winner = await issuances.ordered(db, winner, "https://ca.test/2", ca=CA, adopted=False, now=NOW)
    await issuances.issued(db, winner, given.chain(1), given.view(1), now=NOW)
    assert await _used(db) == [SECOND, SECOND]
    await issuances.issued_late(db, loser, given.chain(2), given.view(2), now=NOW)
    assert await _used(db) == [2 * SECOND, 2 * SECOND]


async def _overridden(db: Database, scope: str, before: int, after: int, most: int) -> None:
    steps = before, after
    anew = budgets.reserved_anew(CA, scope, now=T, steps=steps, most=most)
    await db.write(anew, *budgets.overridden(CA, scope, now=T, steps=steps, most=most))


async def test_what_was_reserved_under_another_limit_is_given_back_in_the_unit_of_this_one(db: Database) -> None:
    await given.declared(db)
    placing = await _reserving(db)
    await db.write(budgets.charge(OTHER, now=T, span=SECOND))
    await _overridden(db, "set", SECOND, 10 * SECOND, 5)
    assert await _used(db) == [SECOND, 20 * SECOND]
    await issuances.abandon(db, placing, "lost", now=NOW)
    assert await _used(db) == [0, 10 * SECOND]
    # Once more, and twice changed meanwhile.
    placing = await _reserving(db)
    assert await _used(db) == [SECOND, 11 * SECOND]
    await _overridden(db, "set", SECOND, 4 * SECOND, 50)
    await _overridden(db, "set", 4 * SECOND, 2 * SECOND, 50)
    await issuances.abandon(db, placing, "lost", now=NOW)
    assert await _used(db) == [0, 20 * SECOND]


async def test_a_bucket_that_is_over_what_is_drawn_still_is_given_nothing_back(db: Database) -> None:
    await given.declared(db)
    placing = await _reserving(db)
    await db.write(budgets.charge(OTHER, now=T, span=8 * SECOND))
    await _overridden(db, "set", SECOND, 3 * SECOND, 3)
    assert await _used(db) == [SECOND, 9 * SECOND]
    await issuances.abandon(db, placing, "lost", now=NOW)
    assert await _used(db) == [0, 9 * SECOND]


async def test_what_comes_late_is_drawn_in_the_unit_of_the_limit_that_there_is_now(db: Database) -> None:
    await given.declared(db)
    placing = await _reserving(db)
    ordered = await issuances.ordered(db, placing, "https://ca.test/1", ca=CA, adopted=False, now=NOW)
    await issuances.abandon(db, ordered, "another CA was first", now=NOW)
    await _overridden(db, "set", SECOND, 10 * SECOND, 5)
    await issuances.issued_late(db, ordered, given.chain(2), given.view(2), now=NOW)
    assert await _used(db) == [SECOND, 10 * SECOND]
