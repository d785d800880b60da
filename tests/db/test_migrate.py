"""Migrations: each whole or not at all, once, and never backwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.db.migrate import Migration
from evercert.db.protocol import Query, Row
from evercert.db.sqlite import SqliteDatabase

STEPS = (
    Migration(1, "first", "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);"),
    Migration(2, "second", "CREATE TABLE b (x INTEGER); INSERT INTO b SELECT x + 1 FROM a;"),
    Migration(3, "third", "ALTER TABLE a ADD COLUMN y TEXT NOT NULL DEFAULT 'why';"),
)
EVERYTHING = Query("everything", "SELECT a.x, a.y, b.x FROM a, b")
RECORDED = Query("recorded", "SELECT number, name FROM migrations ORDER BY number")


async def opened_and_closed(path: Path, steps: tuple[Migration, ...]) -> list[Row]:
    db = await SqliteDatabase.open(path, steps)
    try:
        return await db.rows(RECORDED())
    finally:
        await db.close()


@pytest.mark.parametrize("version", [0, 1, 2, 3])
async def test_every_version_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    path = tmp_path / "store.db"
    if version:
        await opened_and_closed(path, STEPS[:version])
    db = await SqliteDatabase.open(path, STEPS)
    assert await db.rows(EVERYTHING()) == [(1, "why", 2)]
    assert await db.rows(RECORDED()) == [(1, "first"), (2, "second"), (3, "third")]
    await db.close()


async def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await opened_and_closed(path, STEPS)
    with pytest.raises(EvercertError, match=r"version 3.*only 2") as caught:
        await SqliteDatabase.open(path, STEPS[:2])
    assert "newer Evercert" in caught.value.hint
    assert len(await opened_and_closed(path, STEPS)) == 3


async def test_a_migration_that_fails_leaves_the_version_before_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    broken = Migration(2, "broken", "CREATE TABLE b (x INTEGER); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(EvercertError):
        await SqliteDatabase.open(path, (STEPS[0], broken))
    assert await opened_and_closed(path, STEPS) == [(1, "first"), (2, "second"), (3, "third")]


async def test_many_that_open_a_new_store_at_once_make_it_once(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    seen = await asyncio.gather(*(opened_and_closed(path, STEPS) for _ in range(8)))
    assert seen == [[(1, "first"), (2, "second"), (3, "third")]] * 8
