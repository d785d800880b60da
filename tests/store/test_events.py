"""The history: in order, unchangeable, and still provable after its beginning was cut off."""

from __future__ import annotations

import asyncio

import pytest

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Query
from evercert.model.event import IntentChanged, OrderPlaced
from evercert.store import events
from tests.store.given import DAY, HOUR, NOW

NO_TRIGGERS = Query("drop", "DROP TRIGGER events_never_change", "DROP TRIGGER events_never_change ON events")
NO_ANCHOR = Query(
    "drop", "DROP TRIGGER events_go_behind_the_anchor", "DROP TRIGGER events_go_behind_the_anchor ON events"
)


async def write(db: Database, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        await db.write(events.appended(IntentChanged(f"c{number % 3}", f"change {number}"), NOW + number * HOUR))
    await events.chain(db)


async def test_events_come_newest_first_of_all_or_of_one(db: Database) -> None:
    await write(db, 9)
    assert [each.id for each in await events.latest(db, 3)] == [9, 8, 7]
    assert [each.id for each in await events.latest(db, 100, "c0")] == [7, 4, 1]
    assert (await events.latest(db, 1))[0] == events.Happened(9, NOW + 8 * HOUR, IntentChanged("c2", "change 8"))


async def test_an_untouched_history_is_proved_to_its_end(db: Database) -> None:
    assert await events.verify(db) == 0
    assert await events.head(db) == (0, "")
    await write(db, 5)
    assert await events.verify(db) == 5
    number, digest = await events.head(db)
    assert number == 5
    assert len(digest) == 64


async def test_events_written_at_once_make_one_chain(db: Database) -> None:
    await asyncio.gather(*(db.write(events.appended(OrderPlaced(str(n)), NOW)) for n in range(200)))
    assert await events.verify(db) == 200


@pytest.mark.parametrize(
    "tampering",
    [
        Query("t", "UPDATE events SET body = replace(body, 'change 2', 'nothing') WHERE id = 3"),
        Query("t", "UPDATE events SET body = 'no JSON' WHERE id = 3"),
        Query("t", "UPDATE events SET body = '{}' WHERE id = 3"),
        Query("t", "UPDATE events SET at = at + 1 WHERE id = 3"),
        Query("t", "UPDATE events SET kind = 'order-placed' WHERE id = 3"),
        Query("t", "UPDATE events SET certificate = 'other' WHERE id = 3"),
        Query("t", "DELETE FROM events WHERE id = 3"),
        Query("t", "DELETE FROM events WHERE id = 1"),
        Query("t", "UPDATE events SET hash = upper(hash) WHERE id = 5"),
    ],
)
async def test_a_changed_history_is_noticed(db: Database, tampering: Query) -> None:
    await write(db, 5)
    await db.write(NO_TRIGGERS(), NO_ANCHOR(), tampering().expecting(1))
    with pytest.raises(EvercertError, match="history was changed") as caught:
        await events.verify(db)
    assert caught.value.code.name == "store"


async def test_a_kind_that_only_a_newer_version_has_is_proved_too(db: Database) -> None:
    await write(db, 2)
    written = events.appended(IntentChanged("c1"), NOW)
    newer = {"kind": "of-tomorrow", "body": '{"kind":"of-tomorrow","certificate":"c1","news":1}'}
    await db.write(written.query(**{**written.params, **newer}))
    assert await events.verify(db) == 3


@pytest.mark.parametrize(
    "change", [Query("c", "UPDATE events SET body = '{}'"), Query("c", "DELETE FROM events WHERE id = 2")]
)
async def test_the_database_itself_refuses_to_change_an_event(db: Database, change: Query) -> None:
    await write(db, 3)
    with pytest.raises(EvercertError):
        await db.write(change())
    assert await events.verify(db) == 3


async def test_a_pruned_history_is_still_proved_from_its_anchor(db: Database) -> None:
    await write(db, 10)
    head = await events.head(db)
    assert await events.prune(db, 4, NOW - DAY) == 6
    assert await events.head(db) == head
    assert [each.id for each in await events.latest(db, 100)] == [10, 9, 8, 7]
    assert await events.verify(db) == 4
    await write(db, 2, first=10)
    assert await events.verify(db) == 6
    await db.write(NO_TRIGGERS(), Query("t", "UPDATE event_anchor SET hash = 'no'")())
    with pytest.raises(EvercertError, match="event 7"):
        await events.verify(db)


async def test_old_events_go_but_never_the_last(db: Database) -> None:
    await write(db, 10)
    assert await events.prune(db, 1000, NOW + 4 * HOUR) == 4
    assert await events.prune(db, 1000, NOW + 90 * DAY) == 5
    assert await events.prune(db, 1000, NOW + 90 * DAY) == 0
    assert await events.verify(db) == 1
    assert (await events.head(db))[0] == 10


async def test_many_events_go_in_portions(db: Database) -> None:
    await asyncio.gather(*(db.write(events.appended(OrderPlaced(str(n)), NOW)) for n in range(2500)))
    assert await events.prune(db, 10, NOW) == 2490
    assert await events.verify(db) == 10
