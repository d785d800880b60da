"""The store's database on SQLite: one thread writes, a few read, the event loop does neither.

Rules of this file:

* Writes that wait together are committed together: one flush of the disk for all of them. Each is
  a savepoint, so that one that fails does not take the others with it.
* A write is answered after its commit and never before (design law 3).
* One SQLite library per process (apsw's): two on one file corrupted it in tests.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from evercert.base.errors import EvercertError
from evercert.db.connection import Connection, create_file
from evercert.db.failures import as_told
from evercert.db.migrate import Migration, migrate
from evercert.db.protocol import Row, Statement

__all__ = ["AroundCommit", "SqliteDatabase"]

# Wraps the commit of the transactions whose statements have those names. Tests fail or die in it,
# before or after the commit; nothing else sets it.
AroundCommit = Callable[[Sequence[str]], AbstractContextManager[object]]

# Beyond this a group's commit costs no less per transaction, and its first waits for the others.
_GROUP = 64
_READERS = 4


@contextmanager
def _plainly(names: Sequence[str]) -> Iterator[None]:
    yield


class SqliteDatabase:
    """Keeps the contract of `Database` on one file, which other processes may use as well."""

    def __init__(self, path: Path, writer: Connection, around_commit: AroundCommit, patience: float) -> None:
        self._path = path
        self._patience = patience
        self._writer = _Writer(path, writer, around_commit)
        self._readers = ThreadPoolExecutor(_READERS, "evercert-store-reader")
        self._local = threading.local()
        # Appended to by reader threads, emptied by `close` when they have ended.
        self._opened: list[Connection] = []

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

        def opened() -> SqliteDatabase:
            connection = _up_to_date(path, migrations, patience)
            return cls(path, connection, around_commit, patience)

        return await asyncio.to_thread(opened)

    async def rows(self, statement: Statement) -> list[Row]:
        return (await self.read(statement))[0]

    async def read(self, *statements: Statement) -> list[list[Row]]:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._snapshot, statements)

    async def write(self, *statements: Statement) -> list[list[Row]]:
        return await self._writer.submit(statements)

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._readers.shutdown()
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._writer.close()

    def _snapshot(self, statements: Sequence[Statement]) -> list[list[Row]]:
        try:
            connection = self._reader()
            if len(statements) == 1:
                return [connection.run(statements[0])]
            connection.begin_snapshot()
            try:
                return [connection.run(statement) for statement in statements]
            finally:
                connection.roll_back()
        except Exception as error:
            raise as_told(error, self._path) from error

    def _reader(self) -> Connection:
        """This thread's own connection."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = Connection(self._path, writes=False, patience=self._patience)
            self._opened.append(connection)
        return connection


def _up_to_date(path: Path, migrations: Sequence[Migration], patience: float) -> Connection:
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


class _Work:
    """One transaction on its way: handed over by the loop, answered by the writer's thread."""

    __slots__ = ("answer", "loop", "statements")

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.statements = statements
        self.loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[list[list[Row]]] = self.loop.create_future()

    def settle(self, outcome: list[list[Row]] | EvercertError) -> None:
        """Answer whoever waits, unless they were cancelled. Called on the loop."""
        if self.answer.done():
            return
        if isinstance(outcome, EvercertError):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class _Writer:
    """The thread that writes; owner of the writing connection."""

    def __init__(self, path: Path, connection: Connection, around_commit: AroundCommit) -> None:
        self._path = path
        self._connection = connection
        self._around_commit = around_commit
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="evercert-store-writer", daemon=True)
        self._thread.start()

    async def submit(self, statements: Sequence[Statement]) -> list[list[Row]]:
        if self._closed:
            raise EvercertError("store", "the store was closed")
        work = _Work(statements)
        self._queue.put(work)
        return await work.answer

    def close(self) -> None:
        """Afterwards everything submitted before is durable or answered with an error."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            self._commit(group)
        self._connection.close()

    def _next_group(self) -> list[_Work]:
        """The transactions that wait, at least one; none once the database is closed."""
        first = self._queue.get()
        group = [first] if first is not None else []
        while group and len(group) < _GROUP:
            try:
                work = self._queue.get_nowait()
            except Empty:
                break
            if work is None:
                self._queue.put(None)
                break
            group.append(work)
        return group

    def _commit(self, group: Sequence[_Work]) -> None:
        outcomes: list[list[list[Row]] | EvercertError]
        try:
            self._connection.begin()
            outcomes = [self._attempt(work) for work in group]
            with self._around_commit(_names(group, outcomes)):
                self._connection.commit()
        except BaseException as error:  # whatever it is, this thread goes on and somebody waits for the answer
            outcomes = [as_told(error, self._path) for _ in group]
            self._give_up()
        for work, outcome in zip(group, outcomes, strict=True):
            _answer(work, outcome)

    def _attempt(self, work: _Work) -> list[list[Row]] | EvercertError:
        """What the transaction's statements returned, or why nothing of it is left.

        Raises where SQLite has given up the whole group (a full disk, a failed read).
        """
        self._connection.savepoint()
        try:
            rows = [self._connection.run(statement) for statement in work.statements]
        except Exception as error:
            if not self._connection.in_transaction:
                raise
            self._connection.undo()
            return as_told(error, self._path)
        self._connection.release()
        return rows

    def _give_up(self) -> None:
        with suppress(Exception):  # the group is answered with what went wrong first
            self._connection.roll_back()


def _names(group: Sequence[_Work], outcomes: Sequence[object]) -> list[str]:
    """The names of the statements that are about to be durable."""
    kept = [work for work, outcome in zip(group, outcomes, strict=True) if not isinstance(outcome, EvercertError)]
    return [statement.query.name for work in kept for statement in work.statements]


def _answer(work: _Work, outcome: list[list[Row]] | EvercertError) -> None:
    try:
        work.loop.call_soon_threadsafe(work.settle, outcome)
    except RuntimeError:
        # The loop that asked is closed; nobody waits for the answer.
        return
