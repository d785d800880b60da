"""Migrations: each whole or not at all, once, and never backwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from evercert.base.errors import EvercertError
from evercert.db.migrate import Migration
from evercert.db.opening import Place, open_database
from evercert.db.protocol import Query, Row

STEPS = (
    Migration(1, "first", "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);"),
    Migration(2, "second", "CREATE TABLE b (x INTEGER); INSERT INTO b SELECT x + 1 FROM a;"),
    Migration(3, "third", "ALTER TABLE a ADD COLUMN y TEXT NOT NULL DEFAULT 'why';"),
)
EVERYTHING = Query("everything", "SELECT a.x, a.y, b.x FROM a, b")
RECORDED = Query("recorded", "SELECT number, name FROM migrations ORDER BY number")


async def opened_and_closed(place: Place, steps: tuple[Migration, ...]) -> list[Row]:
    async with open_database(place, steps) as db:
        return await db.rows(RECORDED())


@pytest.fixture
def place(new_place: Callable[[Sequence[Migration]], Place]) -> Place:
    return new_place(())


@pytest.mark.parametrize("version", [0, 1, 2, 3])
async def test_every_version_is_brought_up_to_date(place: Place, version: int) -> None:
    if version:
        await opened_and_closed(place, STEPS[:version])
    async with open_database(place, STEPS) as db:
        assert await db.rows(EVERYTHING()) == [(1, "why", 2)]
        assert await db.rows(RECORDED()) == [(1, "first"), (2, "second"), (3, "third")]


async def test_a_newer_store_is_left_alone(place: Place) -> None:
    await opened_and_closed(place, STEPS)
    with pytest.raises(EvercertError, match=r"version 3.*only 2") as caught:
        await opened_and_closed(place, STEPS[:2])
    assert "newer Evercert" in caught.value.hint
    assert len(await opened_and_closed(place, STEPS)) == 3


async def test_a_migration_that_fails_leaves_the_version_before_it(place: Place) -> None:
    broken = Migration(2, "broken", "CREATE TABLE b (x INTEGER); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(EvercertError):
        await opened_and_closed(place, (STEPS[0], broken))
    assert await opened_and_closed(place, STEPS) == [(1, "first"), (2, "second"), (3, "third")]


async def test_many_that_open_a_new_store_at_once_make_it_once(place: Place) -> None:
    seen = await asyncio.gather(*(opened_and_closed(place, STEPS) for _ in range(8)))
    assert seen == [[(1, "first"), (2, "second"), (3, "third")]] * 8


async def test_a_database_whose_steps_were_not_ours_is_left_alone(place: Place) -> None:
    await opened_and_closed(place, STEPS)
    for others in ((Migration(1, "theirs", "SELECT 1"),), (STEPS[0], Migration(2, "theirs", "SELECT 1"), *STEPS)):
        with pytest.raises(EvercertError, match="another program"):
            await opened_and_closed(place, others)
    assert len(await opened_and_closed(place, STEPS)) == 3
