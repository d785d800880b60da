"""Several processes on one store."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from evercert.db.sqlite import SqliteDatabase
from evercert.store import accounts, certificates, events
from evercert.store.schema import MIGRATIONS
from tests.store import given

_WRITES = 150

_PROGRAM = f"""
import asyncio, sys
from pathlib import Path
from evercert.base.errors import EvercertError
from evercert.db.sqlite import SqliteDatabase
from evercert.store import certificates, issuances
from evercert.store.schema import MIGRATIONS
from tests.store import given

async def main():
    db = await SqliteDatabase.open(Path(sys.argv[1]), MIGRATIONS)
    won = 0
    for number in range({_WRITES}):
        await certificates.declare(db, given.intent(f"{{sys.argv[2]}}-{{number}}"), given.NOW)
        try:
            await issuances.begin(db, f"shared-{{number % 10}}", 1, None, b"csr", now=given.NOW)
            won += 1
        except EvercertError as error:
            assert error.code.name == "conflict", error
    print(won)
    await db.close()

asyncio.run(main())
"""


def run(path: Path, name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(path), name], capture_output=True, text=True, timeout=100
    )


async def test_processes_that_write_at_once_lose_nothing_and_one_wins_each_race(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    db = await SqliteDatabase.open(path, MIGRATIONS)
    assert (await given.account(db)).id == 1
    for number in range(10):
        await given.declared(db, f"shared-{number}")
    before = await events.verify(db)
    done = await asyncio.gather(*(asyncio.to_thread(run, path, name) for name in ("one", "two", "three")))
    assert [each.stderr for each in done] == ["", "", ""]
    assert sum(int(each.stdout) for each in done) == 10
    assert await events.verify(db) == before + 3 * _WRITES
    assert len(await certificates.due(db, given.NOW, 1000)) == 3 * _WRITES + 10
    assert len(await accounts.listed(db)) == 1
    await db.close()
