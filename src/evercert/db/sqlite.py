"""The store's database on SQLite: one thread writes, a few read, the event loop does neither.

One SQLite library per process (apsw's): two on one file corrupted it in tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

from evercert.base.clock import SystemClock
from evercert.db.connection import Connection, create_file
from evercert.db.failures import as_told
from evercert.db.migrate import Migration, migrate
from evercert.db.protocol import Row, Statement, Wakeup
from evercert.db.readers import Readers
from evercert.db.wakeups import Wakeups
from evercert.db.watching import Watch
from evercert.db.writer import AroundCommit, Writer

__all__ = ["SqliteDatabase"]


@contextmanager
def _plainly(names: Sequence[str]) -> Iterator[None]:
    yield


class SqliteDatabase:
    """Keeps the contract of `Database` on one file, which other processes may use as well."""

    def __init__(self, writer: Writer, readers: Readers, look_every: float) -> None:
        self._writer = writer
        self._readers = readers
        self._wakeups = Wakeups()
        self._watch = Watch(writer, self._wakeups, SystemClock(), look_every)

    @classmethod
    async def open(
        cls,
        path: Path,
        migrations: Sequence[Migration] = (),
        *,
        around_commit: AroundCommit = _plainly,
        patience: float = 30.0,
        look_every: float = 0.5,
    ) -> SqliteDatabase:
        """The database at *path*, made if it is not there, brought up to date if it is older.

        *patience* is how many seconds to wait for other processes; after so many seconds at most, whoever
        listens knows that another process has written (*look_every*). Raises `store`.
        """
        connection = await asyncio.to_thread(_up_to_date, path, migrations, patience)
        return cls(Writer(path, connection, around_commit), Readers(path, patience), look_every)

    async def rows(self, statement: Statement) -> list[Row]:
        return (await self._readers.submit((statement,)))[0]

    async def read(self, *statements: Statement) -> list[list[Row]]:
        return await self._readers.submit(statements)

    async def write(self, *statements: Statement) -> list[list[Row]]:
        return await self._writer.submit(statements)

    @contextmanager
    def listen(self, channel: LiteralString) -> Iterator[Wakeup]:
        with self._wakeups.listening(channel) as wakeup:
            self._watch.attend()
            yield wakeup

    def notify(self, channel: LiteralString) -> None:
        # Another process sees the write that is the news.
        self._wakeups.ring(channel)

    async def close(self) -> None:
        await self._watch.close()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._readers.close()
        self._writer.close()


def _up_to_date(path: Path, migrations: Sequence[Migration], patience: float) -> Connection:
    """A connection that may write, to a database with every migration applied."""
    connection: Connection | None = None
    try:
        create_file(path)
        connection = Connection(path, writes=True, patience=patience)
        migrate(connection, migrations)
    except Exception as error:
        if connection is not None:
            connection.close()
        raise as_told(error, path) from error
    return connection
