"""Outages: counted once for all, asked about by one at a time, over when the CA answers."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from evercert.db.protocol import Database
from evercert.model.event import CaAnswersAgain, CaDoesNotAnswer
from evercert.model.fact import Outage
from evercert.store import events, health
from tests.store.given import CA, HOUR, NOW

MINUTE = timedelta(minutes=1)
SECONDS = [timedelta(seconds=seconds) for seconds in (5, 15, 60, 120, 300, 600, 900)]


async def outage(db: Database) -> Outage:
    return (await health.outages(db))[CA]


async def kinds(db: Database) -> list[str]:
    found = [type(each.event) for each in await events.latest(db, 10)]
    return [kind.__name__ for kind in found[::-1] if kind in {CaDoesNotAnswer, CaAnswersAgain}]


async def test_a_failure_that_many_meet_at_once_counts_once(db: Database) -> None:
    await asyncio.gather(*(health.silent(db, CA, None, "gone", NOW) for _ in range(20)))
    known = await outage(db)
    assert (known.failures, known.since, known.until, known.is_down) == (1, NOW, NOW + SECONDS[0], False)
    for failures in (2, 3, 4):
        again = known.until
        await asyncio.gather(*(health.silent(db, CA, known, "gone", again) for _ in range(20)))
        known = await outage(db)
        assert (known.failures, known.since, known.is_down) == (failures, NOW, failures == 4)
        assert known.until == again + SECONDS[failures - 1]
    assert await kinds(db) == ["CaDoesNotAnswer"]


async def test_one_of_many_asks_again_when_the_time_has_come(db: Database) -> None:
    await health.silent(db, CA, None, "gone", NOW)
    known = await outage(db)
    assert not await health.take_turn(db, known, NOW)
    turns = await asyncio.gather(*(health.take_turn(db, known, NOW + MINUTE) for _ in range(20)))
    assert sum(turns) == 1
    # Who took the turn may have died.
    assert await health.take_turn(db, known, NOW + 2 * MINUTE)


async def test_a_turn_that_is_given_back_is_whoevers_comes_next(db: Database) -> None:
    await health.silent(db, CA, None, "gone", NOW)
    known = await outage(db)
    assert await health.take_turn(db, known, NOW + MINUTE)
    await health.give_turn_back(db, known)
    assert await outage(db) == known
    assert await health.take_turn(db, known, NOW + MINUTE)
    await health.silent(db, CA, known, "gone", NOW + MINUTE)
    found = await outage(db)
    await health.give_turn_back(db, known)  # somebody has found out meanwhile
    assert await outage(db) == found


async def test_pauses_grow_to_a_quarter_of_an_hour(db: Database) -> None:
    await health.silent(db, CA, None, "gone", NOW)
    pauses, before = [], NOW
    for _ in range(8):
        known = await outage(db)
        pauses.append(known.until - before)
        before = known.until
        await health.silent(db, CA, known, "gone", known.until)
    assert pauses == [*SECONDS, SECONDS[-1]]


async def test_what_was_forgotten_for_an_hour_begins_anew(db: Database) -> None:
    await health.silent(db, CA, None, "gone", NOW)
    await health.silent(db, CA, await outage(db), "gone", NOW + 3 * HOUR)
    assert (await outage(db)).failures == 1
    assert await kinds(db) == []


async def test_a_ca_that_answers_is_well_and_that_is_told_only_if_it_was_down(db: Database) -> None:
    await health.silent(db, CA, None, "gone", NOW)
    await health.answered(db, await outage(db), NOW)
    assert await health.outages(db) == {}
    assert await kinds(db) == []
    await health.silent(db, CA, None, "gone", NOW)
    for _ in range(3):
        known = await outage(db)
        await health.silent(db, CA, known, "gone", known.until)
    known = await outage(db)
    await asyncio.gather(*(health.answered(db, known, NOW + HOUR) for _ in range(5)))
    assert await health.outages(db) == {}
    assert await kinds(db) == ["CaDoesNotAnswer", "CaAnswersAgain"]


async def test_somebody_who_wants_to_know_has_it_asked_at_once(db: Database) -> None:
    await health.silent(db, CA, None, "gone", NOW)
    await health.ask_again(db, NOW)
    assert await health.take_turn(db, await outage(db), NOW)


async def test_long_words_of_a_peer_are_cut(db: Database) -> None:
    await health.silent(db, CA, None, "x" * 10_000, NOW)
    assert len((await outage(db)).message) == 500
