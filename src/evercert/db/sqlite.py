"""The store's database on SQLite: one thread writes, a few read, the event loop does neither.

One SQLite library per process (apsw's): two on one file corrupted it in tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from evercert.db.connection import Connection, create_file
from evercert.db.failures import as_told
from evercert.db.migrate import Migration, migrate
from evercert.db.protocol import Row, Statement
from evercert.db.readers import Readers
from evercert.db.writer import AroundCommit, Writer

__all__ = ["SqliteDatabase"]


@contextmanager
def _plainly(names: Sequence[str]) -> Iterator[None]:
    yield


class SqliteDatabase:
    """Keeps the contract of `Database` on one file, which other processes may use as well."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    @classmethod
    async def open(
        cls,
        path: Path,
        migrations: Sequence[Migration] = (),
        *,
        around_commit: AroundCommit = _plainly,
        patience: float = 30.0,
    ) -> SqliteDatabase:
        """The database at *path*, made if it is not there, brought up to date if it is older.

        *patience* is how many seconds to wait for other processes. Raises `store`.
        """
        connection = await asyncio.to_thread(_up_to_date, path, migrations, patience)
        return cls(Writer(path, connection, around_commit), Readers(path, patience))

    async def rows(self, statement: Statement) -> list[Row]:
        return (await self._readers.submit((statement,)))[0]

    async def read(self, *statements: Statement) -> list[list[Row]]:
        return await self._readers.submit(statements)

    async def write(self, *statements: Statement) -> list[list[Row]]:
        return await self._writer.submit(statements)

    async def close(self) -> None:
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
