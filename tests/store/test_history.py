"""Events as they are told outside: each once, in order, of whatever kind."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec

from evercert.db.protocol import Database, Query
from evercert.model.event import KINDS, CertificateIssued, IntentChanged, kinds_like
from evercert.store import events, history
from tests.store.given import DAY, HOUR, NOW
from tests.store.test_events import write


async def test_portions_have_every_event_once_and_in_order(db: Database) -> None:
    await write(db, 7)
    found: list[history.Entry] = []
    while entries := (await history.after(db, found[-1].id if found else 0, 3)).entries:
        found += entries
    assert [each.id for each in found] == [1, 2, 3, 4, 5, 6, 7]
    assert found[2].document() == {
        "id": 3,
        "at": NOW + 2 * HOUR,
        "kind": "intent-changed",
        "certificate": "c2",
        "change": "change 2",
        "hash": found[2].hash,
    }
    assert (found[-1].id, found[-1].hash) == await events.head(db)


async def test_what_retention_took_away_is_told(db: Database) -> None:
    await write(db, 10)
    await events.prune(db, 4, NOW - DAY)
    assert (await history.after(db, 3)).gone == 6
    assert [each.id for each in (await history.after(db, 3)).entries] == [7, 8, 9, 10]
    assert (await history.after(db, 6)).gone == 0


async def test_whoever_reads_while_many_write_misses_nothing(db: Database) -> None:
    """Also an event that is committed late: numbers are given in the order in which events can be seen."""
    found: list[int] = []

    async def read() -> None:
        while len(found) < 300:
            portion = await history.after(db, found[-1] if found else 0, 20)
            found.extend(each.id for each in portion.entries)
            await asyncio.sleep(0)

    async def write_some(writer: int) -> None:
        for number in range(30):
            change = IntentChanged(f"c{writer}", f"change {number}")
            # A second statement, so that the number is given some time before it can be seen.
            await db.write(events.appended(change, NOW), Query("later", "UPDATE cas SET access = 'x' WHERE 1 = 0")())

    async with asyncio.timeout(60):
        await asyncio.gather(read(), *map(write_some, range(10)))
    assert found == list(range(1, 301))


async def test_the_newest_that_are_wanted_are_found_however_far_back(db: Database) -> None:
    await db.write(events.appended(CertificateIssued("c0", serial="01"), NOW))
    for start in range(0, 2500, 500):
        await asyncio.gather(*(db.write(events.appended(IntentChanged("c1"), NOW)) for _ in range(start, start + 500)))
    assert [each.id for each in await history.newest(db, 2, lambda entry: True)] == [2500, 2501]
    [issued] = await history.newest(db, 5, lambda entry: entry.kind == "certificate-issued")
    assert (issued.id, issued.fields["serial"]) == (1, "01")
    assert [each.id for each in await history.newest(db, 5, lambda entry: True, certificate="c0")] == [1]
    assert [each.id for each in await history.newest(db, 2, lambda entry: True, before=10)] == [8, 9]


async def test_a_moment_is_the_event_before_it(db: Database) -> None:
    assert await history.before_moment(db, NOW) is None
    await write(db, 3)
    assert await history.before_moment(db, NOW + HOUR) == 1
    assert await history.before_moment(db, NOW - DAY) == 0
    assert await history.before_moment(db, NOW + 2 * HOUR + timedelta(microseconds=1)) is None


async def test_an_event_of_a_newer_version_is_told_as_it_stands(db: Database) -> None:
    body = '{"kind":"moon-landed","certificate":"","crew":2}'
    query = events.appended(IntentChanged(""), NOW).query
    await db.write(query(at=1, kind="moon-landed", certificate="", body=body))
    [entry] = (await history.after(db, 0)).entries
    assert (entry.kind, entry.fields) == ("moon-landed", {"crew": 2})


async def test_an_event_is_news(db: Database) -> None:
    with db.listen(events.CHANNEL) as news:
        async with asyncio.timeout(10):
            await news.wait()  # the first look
            await db.write(events.appended(IntentChanged("c"), NOW))
            await news.wait()


def test_no_kind_says_what_every_event_says() -> None:
    taken = {"id", "at", "kind", "hash"}
    assert {name for kind in KINDS.values() for name in kind.__struct_fields__} & taken == set()
    assert all(msgspec.structs.fields(kind)[0].name == "certificate" for kind in KINDS.values())
    assert kinds_like("deploy*") == {"deployed", "deploy-failed"}
