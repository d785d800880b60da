"""The database of simulations keeps the contract, but for durability."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evercert.base.errors import EvercertError
from evercert.db.memory import MemoryDatabase
from evercert.db.migrate import Migration
from evercert.db.protocol import Query

TABLE = Migration(1, "one", "CREATE TABLE things (name TEXT PRIMARY KEY)")
ADD = Query("add", "INSERT INTO things (name) VALUES (:name)")
REMOVE = Query("remove", "DELETE FROM things WHERE name = :name")
ALL = Query("all", "SELECT name FROM things ORDER BY name")


@pytest.fixture
def db() -> Iterator[MemoryDatabase]:
    db = MemoryDatabase([TABLE])
    yield db
    db.close_now()


async def test_what_is_written_is_read(db: MemoryDatabase) -> None:
    await db.write(ADD(name="a"), ADD(name="b"))
    assert await db.rows(ALL()) == [("a",), ("b",)]
    assert await db.read(ALL(), ALL()) == await db.scan(ALL(), ALL()) == [[("a",), ("b",)]] * 2


async def test_a_guard_that_fails_undoes_all_of_it(db: MemoryDatabase) -> None:
    with pytest.raises(EvercertError, match="somebody else was first") as told:
        await db.write(ADD(name="a"), REMOVE(name="b").expecting(1))
    assert told.value.code.name == "conflict"
    assert await db.rows(ALL()) == []


async def test_a_constraint_is_a_conflict(db: MemoryDatabase) -> None:
    await db.write(ADD(name="a"))
    with pytest.raises(EvercertError) as told:
        await db.write(ADD(name="b"), ADD(name="a"))
    assert told.value.code.name == "conflict"
    assert await db.rows(ALL()) == [("a",)]


async def test_who_listens_hears_of_news(db: MemoryDatabase) -> None:
    with db.listen("work") as news:
        db.notify("work")
        await news.wait()
