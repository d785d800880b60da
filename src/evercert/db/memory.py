"""A SQLite database in memory, for simulations: nothing is durable, and everybody of one loop shares it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

from evercert.base.errors import EvercertError
from evercert.db.connection import Connection
from evercert.db.failures import as_told
from evercert.db.migrate import Migration, migrate
from evercert.db.protocol import Row, Statement, Wakeup, channels_of
from evercert.db.wakeups import Wakeups

__all__ = ["MemoryDatabase"]

_PLACE = Path(":memory:")


class MemoryDatabase:
    """Keeps the contract of `Database` but for durability; each call is done when it returns, without a turn of the
    loop in between."""

    def __init__(self, migrations: Sequence[Migration] = ()) -> None:
        self._connection = Connection(_PLACE, writes=True)
        migrate(self._connection, migrations)
        self._wakeups = Wakeups()

    async def rows(self, statement: Statement) -> list[Row]:
        return self._read((statement,))[0]

    async def read(self, *statements: Statement) -> list[list[Row]]:
        return self._read(statements)

    async def scan(self, *statements: Statement) -> list[list[Row]]:
        return self._read(statements)

    async def write(self, *statements: Statement) -> list[list[Row]]:
        try:
            self._connection.begin()
            rows = [self._connection.run(statement) for statement in statements]
            self._connection.commit()
        except Exception as error:
            self._connection.roll_back()
            raise _told(error) from error
        for channel in sorted(channels_of(statements)):
            self._wakeups.ring(channel)
        return rows

    @contextmanager
    def listen(self, channel: LiteralString) -> Iterator[Wakeup]:
        with self._wakeups.listening(channel) as wakeup:
            yield wakeup

    def notify(self, channel: LiteralString) -> None:
        self._wakeups.ring(channel)

    async def close(self) -> None:
        self.close_now()

    def close_now(self) -> None:
        """`close`, where no loop runs."""
        self._connection.close()

    def _read(self, statements: Sequence[Statement]) -> list[list[Row]]:
        try:
            return [self._connection.run(statement) for statement in statements]
        except Exception as error:
            raise _told(error) from error


def _told(error: Exception) -> EvercertError:
    return as_told(error, _PLACE)
