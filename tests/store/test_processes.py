"""Several processes on one store."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from evercert.db.migrate import Migration
from evercert.db.opening import Place
from evercert.store import accounts, events
from evercert.store.opening import open_store
from evercert.store.schema import MIGRATIONS
from tests.store import given

_WRITES = 150

_PROGRAM = f"""
import asyncio, sys
from pathlib import Path
from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.store import certificates, issuances
from evercert.store.opening import open_store
from tests.store import given

async def main():
    place = Secret(sys.argv[1]) if "://" in sys.argv[1] else Path(sys.argv[1])
    async with open_store(place) as db:
        await race(db)

async def race(db):
    won = 0
    for number in range({_WRITES}):
        await certificates.declare(db, given.intent(f"{{sys.argv[2]}}-{{number}}"), given.NOW)
        try:
            await issuances.begin(db, f"shared-{{number % 10}}", 1, None, b"csr", now=given.NOW)
            won += 1
        except EvercertError as error:
            assert error.code.name == "conflict", error
    print(won)

asyncio.run(main())
"""


def run(place: Place, name: str) -> subprocess.CompletedProcess[str]:
    where = str(place) if isinstance(place, Path) else place.text()
    argv = [sys.executable, "-c", _PROGRAM, where, name]
    return subprocess.run(argv, capture_output=True, text=True, timeout=100)


async def test_processes_that_write_at_once_lose_nothing_and_one_wins_each_race(
    new_place: Callable[[Sequence[Migration]], Place],
) -> None:
    place = new_place(MIGRATIONS)
    async with open_store(place) as db:
        assert (await given.account(db)).id == 1
        for number in range(10):
            await given.declared(db, f"shared-{number}")
        before = await events.verify(db)
        done = await asyncio.gather(*(asyncio.to_thread(run, place, name) for name in ("one", "two", "three")))
        assert [each.stderr for each in done] == ["", "", ""]
        assert sum(int(each.stdout) for each in done) == 10
        assert await events.verify(db) == before + 3 * _WRITES
        assert len(await given.claimed(db)) == 3 * _WRITES + 10
        assert len(await accounts.listed(db)) == 1
