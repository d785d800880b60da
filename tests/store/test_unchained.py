"""On PostgreSQL what happened is chained by whoever looks: nobody waits, nothing is lost or out of order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.db.pg.session import Server, connect
from evercert.db.protocol import Database, Query
from evercert.model.event import IntentChanged
from evercert.store import events, history
from evercert.store.opening import open_store
from evercert.store.schema import MIGRATIONS
from tests.peers.postgres import Postgres
from tests.store.given import NOW

WAITING = Query("waiting", "SELECT count(*) FROM unchained_events")


@pytest.fixture
def place(postgres: Postgres) -> Secret:
    return postgres.fresh(MIGRATIONS)


@pytest.fixture
async def db(place: Secret) -> AsyncIterator[Database]:
    async with open_store(place) as opened:
        yield opened


@asynccontextmanager
async def unkept(place: Secret, change: str) -> AsyncIterator[None]:
    """A transaction with an event in it that is not kept before this is left."""
    session = await connect(Server.at(place))
    try:
        await session.execute("BEGIN")
        await session.run(events.appended(IntentChanged("late", change), NOW))
        yield
        await session.execute("COMMIT")
    finally:
        await session.close()


async def append(db: Database, change: str) -> None:
    await db.write(events.appended(IntentChanged("c", change), NOW))


async def changes(db: Database, number: int = 0) -> list[tuple[int, object]]:
    return [(each.id, each.fields["change"]) for each in (await history.after(db, number)).entries]


async def test_a_transaction_that_is_open_holds_up_nobody_and_its_event_comes_when_it_is_kept(
    db: Database, place: Secret
) -> None:
    async with unkept(place, "begun first"):
        async with asyncio.timeout(10):
            await append(db, "kept first")
            assert await changes(db) == [(1, "kept first")]
            await append(db, "kept second")
            assert await changes(db, 1) == [(2, "kept second")]
    assert await changes(db, 2) == [(3, "begun first")]
    assert await events.verify(db) == 3


async def test_what_happened_in_one_place_stays_in_order(db: Database) -> None:
    for start in range(0, 2500, 100):
        await db.write(*(events.appended(IntentChanged("c", str(start + each)), NOW) for each in range(100)))
    found = [change for start in (0, 1000, 2000) for _, change in await changes(db, start)]
    assert found == [str(number) for number in range(2500)]


async def test_many_who_look_at_once_chain_each_event_once(db: Database, place: Secret) -> None:
    async with AsyncExitStack() as opened:
        others = [await opened.enter_async_context(open_store(place)) for _ in range(3)]
        await asyncio.gather(*(append(each, "x") for each in [db, *others] for _ in range(60)))
        looks = [events.chain(each) for each in [db, *others] for _ in range(4)]
        await asyncio.gather(*looks, *(append(db, "y") for _ in range(60)))
    assert await events.verify(db) == 300
    assert await db.rows(WAITING()) == [(0,)]


async def test_what_waits_to_be_chained_is_not_changed_either(db: Database) -> None:
    await append(db, "x")
    with pytest.raises(EvercertError):
        await db.write(Query("t", "UPDATE unchained_events SET body = '{}'")())
