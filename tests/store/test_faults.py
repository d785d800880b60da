"""At every commit of a life: failed and not kept, failed but kept, killed. What is found afterwards is a whole step."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from evercert.base.errors import EvercertError
from evercert.db.protocol import Query, Row
from evercert.db.sqlite import SqliteDatabase
from evercert.store import events
from evercert.store.schema import MIGRATIONS
from evercert.store.sql import load_queries
from tests.store import life
from tests.store.test_queries import NOUNS

State = dict[str, list[Row]]


@pytest.fixture(scope="module")
def commits(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """The statements of each commit of an undisturbed life."""
    return asyncio.run(_undisturbed(tmp_path_factory.mktemp("life") / "store.db"))


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory, commits: list[list[str]]) -> list[State]:
    """What the store holds after none, one, two, ... of an undisturbed life's commits."""
    folder = tmp_path_factory.mktemp("states")
    return asyncio.run(_states(folder, len(commits)))


async def _undisturbed(path: Path) -> list[list[str]]:
    noted = life.Failing()
    db = await SqliteDatabase.open(path, MIGRATIONS, around_commit=noted)
    await life.live(db)
    await db.close()
    return noted.commits


async def _states(folder: Path, count: int) -> list[State]:
    """The undisturbed life's states, taken from a second reader before each commit and after the last."""
    taken: list[State] = []
    path = folder / "store.db"
    watching = await SqliteDatabase.open(path, MIGRATIONS)
    loop = asyncio.get_running_loop()

    @contextmanager
    def take(names: Sequence[str]) -> Iterator[None]:
        taken.append(asyncio.run_coroutine_threadsafe(life.everything(watching), loop).result(30))
        yield

    db = await SqliteDatabase.open(path, MIGRATIONS, around_commit=take)
    await life.live(db)
    taken.append(await life.everything(watching))
    await db.close()
    await watching.close()
    assert len(taken) == count + 1
    return taken


def test_a_life_has_every_write_that_the_store_knows(commits: list[list[str]]) -> None:
    written = {name for names in commits for name in names}
    known = _writes()
    assert known <= written, known - written
    assert len(commits) > 30


def _writes() -> set[str]:
    queries = [query for noun in NOUNS for query in load_queries(noun).values()]
    return {query.name for query in queries if not re.match(r"(--.*\n)*SELECT", query.sql)}


@pytest.mark.parametrize("kept", [False, True], ids=["not-kept", "kept"])
async def test_a_commit_that_fails_leaves_a_whole_step_and_a_store_that_works(
    tmp_path: Path, commits: list[list[str]], states: list[State], kept: bool
) -> None:
    for number in range(1, len(commits) + 1):
        path = tmp_path / f"{number}.db"
        db = await SqliteDatabase.open(path, MIGRATIONS, around_commit=life.Failing(number, kept=kept))
        with pytest.raises(EvercertError, match="failed"):
            await life.live(db)
        assert await life.everything(db) == states[number if kept else number - 1], commits[number - 1]
        await events.verify(db)
        await db.close()


@pytest.fixture(scope="module")
def graves(tmp_path_factory: pytest.TempPathFactory, commits: list[list[str]]) -> Path:
    """A folder with what each killed process left."""
    folder = tmp_path_factory.mktemp("graves")
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.life", str(folder), str(len(commits))],
        capture_output=True,
        text=True,
        timeout=100,
    )
    ends = [line.split() for line in done.stdout.splitlines()]
    assert len(ends) == 2 * len(commits), done.stderr
    assert {end[2] for end in ends} == {str(int(signal.SIGKILL))}, done.stderr
    return folder


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_process_that_is_killed_leaves_a_whole_step(
    graves: Path, commits: list[list[str]], states: list[State], when: str
) -> None:
    for number in range(1, len(commits) + 1):
        db = await SqliteDatabase.open(graves / f"{number}-{when}.db", MIGRATIONS)
        assert await life.everything(db) == states[number if when == "after" else number - 1], commits[number - 1]
        assert await db.rows(Query("check", "PRAGMA integrity_check")()) == [("ok",)]
        assert await db.rows(Query("check", "PRAGMA foreign_key_check")()) == []
        await events.verify(db)
        await db.close()
