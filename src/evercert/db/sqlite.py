"""The store's database on SQLite: what takes microseconds is done on the event loop, what may wait in two threads.

One SQLite library per process (apsw's): two on one file corrupted it in tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import LiteralString

from evercert.base.clock import SystemClock
from evercert.db.connection import Connection, create_file
from evercert.db.failures import as_told
from evercert.db.migrate import Migration, migrate
from evercert.db.protocol import Row, Statement, Wakeup, channels_of
from evercert.db.reader import Reader
from evercert.db.scanner import Scanner
from evercert.db.wakeups import Wakeups
from evercert.db.watching import Watch
from evercert.db.writer import AroundCommit, Writer

__all__ = ["SqliteDatabase"]


@contextmanager
def _plainly(names: Sequence[str]) -> Iterator[None]:
    yield


class SqliteDatabase:
    """Keeps the contract of `Database` on one file, which other processes may use as well."""

    def __init__(self, writer: Writer, reader: Reader, scanner: Scanner, look_every: float) -> None:
        self._writer = writer
        self._reader = reader
        self._scanner = scanner
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
        writing, reading = await asyncio.to_thread(_connected, path, migrations, patience)
        scanner = Scanner(path, patience)
        return cls(Writer(path, writing, around_commit), Reader(path, reading, scanner), scanner, look_every)

    async def rows(self, statement: Statement) -> list[Row]:
        return (await self._reader.read((statement,)))[0]

    async def read(self, *statements: Statement) -> list[list[Row]]:
        return await self._reader.read(statements)

    async def scan(self, *statements: Statement) -> list[list[Row]]:
        return await self._scanner.submit(statements)

    async def write(self, *statements: Statement) -> list[list[Row]]:
        written = await self._writer.submit(statements)
        for channel in channels_of(statements):
            self.notify(channel)
        return written

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
        await self._writer.close()
        self._reader.close()
        await asyncio.to_thread(self._scanner.close)


def _connected(path: Path, migrations: Sequence[Migration], patience: float) -> tuple[Connection, Connection]:
    """One connection that may write, to a database with every migration applied, and one that never waits."""
    with ExitStack() as unless_both:
        try:
            create_file(path)
            writing = Connection(path, writes=True, patience=patience)
            unless_both.callback(writing.close)
            migrate(writing, migrations)
            reading = Connection(path, writes=False, patience=0)
        except Exception as error:
            raise as_told(error, path) from error
        unless_both.pop_all()
        return writing, reading
