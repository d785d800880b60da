"""The store's database on PostgreSQL, for more than one node.

Transactions are READ COMMITTED: a guard (`expect`) sees what others have committed meanwhile, and a condition over
several rows is only as good as the locks that its SQL takes. Text is compared as the database's collation says: where
order matters, the schema says COLLATE "C".
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from random import Random, SystemRandom
from typing import Any, Final, LiteralString, TypeVar

from evercert.base.clock import Clock, SystemClock
from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.db.migrate import Migration
from evercert.db.pg.bell import Bell
from evercert.db.pg.failures import as_told, is_lost, may_be_tried_again
from evercert.db.pg.migrating import bring_up_to_date
from evercert.db.pg.pool import Pool
from evercert.db.pg.session import Server, connect
from evercert.db.pg.transaction import Undone, transaction
from evercert.db.protocol import Query, Row, Statement, Wakeup, channels_of
from evercert.db.wakeups import Wakeups

__all__ = ["PostgresDatabase"]

T = TypeVar("T")

# Two transactions that stand in each other's way part within a few tries; more would only be a longer queue.
_TRIES = 8
# Before the n-th try, up to n times so many seconds at random.
_MOMENT = 0.01

# News of so many seconds is told together: each telling is a commit, and has everybody look.
_REST = 0.02

_NOTIFY: Final = Query("notify", "SELECT pg_notify(:channel, '')")


class PostgresDatabase:
    """Keeps the contract of `Database` over sessions with one server. Made and used on one loop."""

    def __init__(
        self, server: Server, connections: int, patience: float, clock: Clock | None = None, rng: Random | None = None
    ) -> None:
        self._server = server
        self._clock = clock or SystemClock()
        self._rng = rng or SystemRandom()
        make_pool = partial(Pool, server.place, connections, patience, self._clock, self._rng)
        self._writers = make_pool(partial(connect, server))
        reading = partial(connect, server, reads=True)
        self._readers = make_pool(reading)
        self._wakeups = Wakeups()
        self._bell = Bell(reading, self._wakeups, self._clock, self._rng)
        self._news: set[str] = set()
        self._teller: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    @classmethod
    async def open(
        cls,
        url: Secret,
        migrations: Sequence[Migration] = (),
        *,
        connections: int = 10,
        patience: float = 10.0,
        statement_seconds: float = 30.0,
        connect_seconds: float = 10.0,
        rng: Random | None = None,
    ) -> PostgresDatabase:
        """The database at *url*, brought up to date if it is older.

        So many *connections* write and as many read, each opened when it is first needed; *patience* is how
        many seconds to wait for one of them, for a server that restarts, and for another process that
        migrates. Raises `store`, and `bad-input` for what is no URL.
        """
        server = Server.at(url, statement_seconds=statement_seconds, connect_seconds=connect_seconds)
        db = cls(server, connections, patience, rng=rng)
        try:
            session = await connect(server)
            try:
                await bring_up_to_date(session, migrations, server.place, patience)
            finally:
                await session.close()
        except Exception as error:
            raise as_told(error, server.place) from None
        return db

    async def rows(self, statement: Statement) -> list[Row]:
        return (await self.read(statement))[0]

    async def read(self, *statements: Statement) -> list[list[Row]]:
        return await self._in_any_case(self._readers, statements)

    async def scan(self, *statements: Statement) -> list[list[Row]]:
        # The server does the looking, and its other sessions go on meanwhile.
        return await self.read(*statements)

    async def write(self, *statements: Statement) -> list[list[Row]]:
        written = await self._in_any_case(self._writers, statements)
        for channel in channels_of(statements):
            self.notify(channel)
        return written

    @contextmanager
    def listen(self, channel: LiteralString) -> Iterator[Wakeup]:
        with self._wakeups.listening(channel) as wakeup:
            self._bell.attend()
            yield wakeup

    def notify(self, channel: LiteralString) -> None:
        # Not in the transaction that brings the news: PostgreSQL lets only one of those commit at a time. Nor in many
        # beside one another: what is news meanwhile is told together when the one before has been told.
        self._news.add(channel)
        if not self._closed and (self._teller is None or self._teller.done()):
            self._teller = self._begin(self._tell())

    async def close(self) -> None:
        self._closed = True
        while self._running:
            await asyncio.wait(self._running)
        await self._bell.close()
        await self._readers.close()
        await self._writers.close()

    async def _in_any_case(self, pool: Pool, statements: Sequence[Statement]) -> list[list[Row]]:
        """What they return. A session is never left in the middle of a transaction: cancelling whoever waits for one
        does not stop it."""
        if self._closed:
            raise EvercertError("store", "the store was closed")
        return await asyncio.shield(self._begin(self._persistently(pool, statements)))

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _persistently(self, pool: Pool, statements: Sequence[Statement]) -> list[list[Row]]:
        reads = pool is self._readers
        for tried in count(1):
            try:
                return await pool.run(partial(transaction, statements=statements, reads=reads))
            except Exception as error:
                if tried == _TRIES or not _may_be_tried_again(error, reads):
                    raise as_told(error, self._server.place) from None
            await self._clock.sleep(self._rng.uniform(0, _MOMENT * tried))
        raise AssertionError("it counts for ever")

    async def _tell(self) -> None:
        while self._news:
            channel = self._news.pop()
            with suppress(EvercertError):  # whoever listens looks now and then in any case
                await self._persistently(self._writers, (_NOTIFY(channel=channel),))
            if not self._closed:
                await self._clock.sleep(_REST)


def _may_be_tried_again(error: Exception, reads: bool) -> bool:
    """Whether nothing was kept, and the reason for it is likely over."""
    is_undone = isinstance(error, Undone) or (reads and is_lost(error) and not isinstance(error, TimeoutError))
    return is_undone or may_be_tried_again(error)
