"""What SQLite adds to the contract of `Database`: one file, its commits in groups, its failures."""

from __future__ import annotations

import asyncio
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from evercert.base.errors import EvercertError
from evercert.db.failures import as_told
from evercert.db.sqlite import SqliteDatabase
from tests.db.numbers import ADD, ALL, COUNT, NUMBERS


async def test_of_writes_committed_together_one_fails_and_the_others_stay(tmp_path: Path) -> None:
    groups: list[Sequence[str]] = []

    @contextmanager
    def note(names: Sequence[str]) -> Iterator[None]:
        groups.append(names)
        yield

    db = await SqliteDatabase.open(tmp_path / "store.db", NUMBERS, around_commit=note)
    writes = [db.write(ADD(n=n, word="x")) for n in (1, 2, 2, 3, 2, 4)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [isinstance(outcome, EvercertError) for outcome in outcomes] == [False, False, True, False, True, False]
    assert [n for n, _ in await db.rows(ALL())] == [1, 2, 3, 4]
    assert sum(map(len, groups)) == 4
    await db.close()


async def test_a_thousand_writes_at_once_need_far_fewer_commits(tmp_path: Path) -> None:
    groups: list[int] = []

    @contextmanager
    def note(names: Sequence[str]) -> Iterator[None]:
        groups.append(len(names))
        yield

    db = await SqliteDatabase.open(tmp_path / "store.db", NUMBERS, around_commit=note)
    await asyncio.gather(*(db.write(ADD(n=n, word="x")) for n in range(1000)))
    assert len(groups) < 100
    assert (await db.rows(COUNT()))[0] == (1000,)
    await db.close()


@pytest.mark.parametrize("kept", [False, True])
async def test_a_commit_that_fails_is_reported_whether_or_not_it_was_kept(tmp_path: Path, kept: bool) -> None:
    @contextmanager
    def fail(names: Sequence[str]) -> Iterator[None]:
        if names != ["add number"]:
            yield
        elif kept:
            yield
            raise OSError("the disk said no")
        else:
            raise OSError("the disk said no")

    db = await SqliteDatabase.open(tmp_path / "store.db", NUMBERS, around_commit=fail)
    with pytest.raises(EvercertError) as caught:
        await db.write(ADD(n=1, word="one"))
    assert caught.value.code.name == "store"
    assert bool(await db.rows(ALL())) is kept
    await db.write(ADD(n=2, word="two"), ADD(n=3, word="three"))
    assert (3, "three") in await db.rows(ALL())
    await db.close()


async def test_what_is_read_in_one_turn_of_the_loop_is_of_one_moment(tmp_path: Path) -> None:
    db = await SqliteDatabase.open(tmp_path / "store.db", NUMBERS)
    others = apsw.Connection(str(tmp_path / "store.db"))
    assert await db.rows(COUNT()) == [(0,)]
    others.execute("INSERT INTO numbers (n, word) VALUES (1, 'of another process')")
    assert await db.read(COUNT(), ALL()) == [[(0,)], []]
    await asyncio.sleep(0)
    assert await db.rows(ALL()) == [(1, "of another process")]
    others.close()
    await db.close()


async def test_who_was_told_of_a_write_reads_it_although_others_read_all_the_time(tmp_path: Path) -> None:
    db = await SqliteDatabase.open(tmp_path / "store.db", NUMBERS)

    async def read_on() -> None:
        while True:
            await db.rows(COUNT())
            await asyncio.sleep(0)

    reading = [asyncio.create_task(read_on()) for _ in range(3)]
    for n in range(200):
        await db.write(ADD(n=n, word="x"))
        assert await db.rows(COUNT()) == [(n + 1,)]
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    await db.close()


async def test_to_close_right_after_a_read_leaves_nothing_behind_in_the_loop(tmp_path: Path) -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    db = await SqliteDatabase.open(tmp_path / "store.db", NUMBERS)
    await db.rows(COUNT())
    await db.close()
    await asyncio.sleep(0)
    assert faults == []


async def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        db = await SqliteDatabase.open(tmp_path / "home" / "store.db", NUMBERS)
        await db.write(ADD(n=1, word="one"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "home").iterdir()}
        assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}
        assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
        await db.close()
    finally:
        os.umask(old)


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    db = await SqliteDatabase.open(tmp_path / "store.db", NUMBERS)
    await db.close()
    (tmp_path / "store.db").chmod(0o644)
    db = await SqliteDatabase.open(tmp_path / "store.db", NUMBERS)
    assert stat.S_IMODE((tmp_path / "store.db").stat().st_mode) == 0o600
    await db.close()


async def refused(path: Path) -> EvercertError:
    with pytest.raises(EvercertError) as caught:
        await SqliteDatabase.open(path, NUMBERS, patience=0.05)
    assert caught.value.code.name == "store"
    assert caught.value.hint
    return caught.value


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"#!/bin/sh\n" * 1000)
    assert "is not a store" in str(await refused(tmp_path / "store.db"))
    assert (tmp_path / "store.db").read_bytes() == b"#!/bin/sh\n" * 1000


async def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    for theirs in ("CREATE TABLE bookmarks (url)", "CREATE TABLE migrations (migration, batch)"):
        stranger = apsw.Connection(str(tmp_path / "store.db"))
        stranger.execute(theirs)
        stranger.close()
        assert "another program" in str(await refused(tmp_path / "store.db"))


async def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").mkdir()
    assert "cannot be opened" in str(await refused(tmp_path / "store.db"))


async def test_a_damaged_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    db = await SqliteDatabase.open(path, NUMBERS)
    await asyncio.gather(*(db.write(ADD(n=n, word="word" * 50)) for n in range(500)))
    await db.close()
    content = bytearray(path.read_bytes())
    # Behind the schema and the record of migrations, which opening reads.
    content[4096 * 6 :] = b"\x5a" * (len(content) - 4096 * 6)
    path.write_bytes(content)
    db = await SqliteDatabase.open(path, NUMBERS)
    with pytest.raises(EvercertError, match="damaged") as caught:
        await db.rows(ALL())
    assert "backup" in caught.value.hint
    await db.close()


async def test_a_lock_that_is_not_released_is_an_error_that_says_who_to_look_for(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    db = await SqliteDatabase.open(path, NUMBERS, patience=0.05)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(EvercertError, match="another process is busy") as caught:
        await db.write(ADD(n=1, word="one"))
    assert "stopped process" in caught.value.hint
    other.execute("ROLLBACK")
    await db.write(ADD(n=1, word="one"))
    other.close()
    await db.close()


_FILL = """
import asyncio, signal, sys
from pathlib import Path
from evercert.base.errors import EvercertError
from evercert.db.sqlite import SqliteDatabase
from tests.db.numbers import ADD, ALL, NUMBERS

async def main():
    db = await SqliteDatabase.open(Path(sys.argv[1]), NUMBERS)
    kept = 0
    try:
        while kept < 10_000:
            await db.write(ADD(n=kept, word="w" * 1000))
            kept += 1
    except EvercertError as error:
        rows = await db.rows(ALL())
        print(error.code.name, len(rows) == kept, bool(error.hint))

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
asyncio.run(main())
"""


def test_a_disk_without_room_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    path = tmp_path / "store.db"

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(path)], preexec_fn=small_disk, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["store", "True", "True"], done.stderr


@pytest.mark.parametrize(
    ("failure", "code", "words"),
    [
        (apsw.ConstraintError("UNIQUE"), "conflict", "something else"),
        (apsw.BusyError("busy"), "store", "another process"),
        (apsw.LockedError("locked"), "store", "another process"),
        (apsw.ReadOnlyError("ro"), "store", "may not be written"),
        (apsw.CantOpenError("open"), "store", "cannot be opened"),
        (apsw.PermissionsError("perm"), "store", "may not be used"),
        (apsw.FullError("full"), "store", "no room"),
        (apsw.NotADBError("notadb"), "store", "not a store"),
        (apsw.CorruptError("corrupt"), "store", "damaged"),
        (apsw.IOError("io"), "store", "disk failed"),
    ],
)
def test_every_failure_of_sqlite_is_told_with_a_way_out(failure: Exception, code: str, words: str) -> None:
    told = as_told(failure, Path("/var/lib/evercert/evercert.db"))
    assert told.code.name == code
    assert words in told.message
    assert told.hint
