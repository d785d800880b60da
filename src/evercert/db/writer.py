"""Writing: transactions, committed in groups.

Rules of this file:

* Transactions that wait together are committed together: one flush of the disk for all of them. Where one of them
  fails, all are begun anew with a savepoint each, so that it does not take the others with it: savepoints for all of
  them, always, were a fifth of the statements of a certificate.
* A transaction is answered after its commit and never before (design law 3).
* Statements run on the event loop, because they take microseconds and only change memory; what waits, for the
  disk or for another process's lock, does so in a thread. A thread for the statements too takes the interpreter from
  the loop, and gives it back, at every one of them: with reads and writes in threads a certificate cost 6 to 8 % more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import NamedTuple

from evercert.base.errors import EvercertError
from evercert.db.connection import Connection
from evercert.db.failures import as_told, is_busy
from evercert.db.protocol import Row, Statement

__all__ = ["AroundCommit", "Writer"]

# Wraps the commit of the transactions whose statements have those names. Tests fail or die in it,
# before or after the commit; nothing else sets it.
AroundCommit = Callable[[Sequence[str]], AbstractContextManager[object]]

# What each of the statements returned, or why nothing of them was kept.
_Outcome = list[list[Row]] | EvercertError

# Beyond this a group's commit costs no less per transaction, and its first waits for the others.
_GROUP = 64
# Where several were committed together, so many seconds are given to the next ones to come together: a tenth fewer
# commits with 64 certificates side by side, and 8 % less processor time for each of them.
_GATHERING = 0.003


class _Work(NamedTuple):
    """One transaction, and who waits for it."""

    statements: Sequence[Statement]
    answer: asyncio.Future[list[list[Row]]]


class Writer:
    """Owner of the writing connection. For one event loop."""

    def __init__(self, path: Path, connection: Connection, around_commit: AroundCommit) -> None:
        self._path = path
        self._connection = connection
        self._around_commit = around_commit
        self._waiting: deque[_Work] = deque()
        self._working: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="evercert-store-writer")
        self._closed = False

    async def submit(self, statements: Sequence[Statement]) -> list[list[Row]]:
        if self._closed:
            raise EvercertError("store", "the store was closed")
        loop = asyncio.get_running_loop()
        work = _Work(statements, loop.create_future())
        self._waiting.append(work)
        if self._working is None:
            self._working = loop.create_task(self._work())
        return await work.answer

    async def close(self) -> None:
        """Afterwards everything submitted before is durable or answered with an error. Idempotent."""
        self._closed = True
        if self._working is not None:
            await self._working
        self._thread.shutdown()
        self._connection.close()

    async def _work(self) -> None:
        """Commit group after group, until nothing waits."""
        pause = 0.0
        while self._waiting:
            await asyncio.sleep(pause)
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), _GROUP))]
            pause = _GATHERING if len(group) > 1 else 0.0
            for work, outcome in zip(group, await self._committed(group), strict=True):
                _tell(work.answer, outcome)
        self._working = None

    async def _committed(self, group: Sequence[_Work]) -> list[_Outcome]:
        in_thread = asyncio.get_running_loop().run_in_executor
        try:
            if not self._begun_at_once():
                await in_thread(self._thread, self._connection.begin)
            outcomes = self._attempt_all(group)
            await in_thread(self._thread, self._commit, _names(group, outcomes))
        except Exception as error:  # whatever it is, the next group is written and somebody waits for the answer
            with suppress(Exception):  # the group is answered with what went wrong first
                self._connection.roll_back()
            return [as_told(error, self._path) for _ in group]
        return outcomes

    def _begun_at_once(self) -> bool:
        """Whether a transaction is open, which it is unless another process has the write lock."""
        try:
            self._connection.begin_at_once()
        except Exception as error:
            if not is_busy(error):
                raise
            return False
        return True

    def _attempt_all(self, group: Sequence[_Work]) -> list[_Outcome]:
        """What each transaction's statements returned, or why nothing of it is left.

        Raises where SQLite has given up the whole group (a full disk, a failed read).
        """
        self._connection.savepoint()
        try:
            return [self._run(work) for work in group]
        except Exception:
            if not self._connection.in_transaction:
                raise
            self._connection.undo()
        return [self._attempt(work) for work in group]

    def _attempt(self, work: _Work) -> _Outcome:
        """The same for one of them."""
        self._connection.savepoint()
        try:
            rows = self._run(work)
        except Exception as error:
            if not self._connection.in_transaction:
                raise
            self._connection.undo()
            return as_told(error, self._path)
        self._connection.release()
        return rows

    def _run(self, work: _Work) -> list[list[Row]]:
        return [self._connection.run(statement) for statement in work.statements]

    def _commit(self, names: Sequence[str]) -> None:
        with self._around_commit(names):
            self._connection.commit()


def _tell(answer: asyncio.Future[list[list[Row]]], outcome: _Outcome) -> None:
    """Hand the outcome to whoever waits, if anybody still does."""
    if answer.done():
        return
    if isinstance(outcome, EvercertError):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


def _names(group: Sequence[_Work], outcomes: Sequence[_Outcome]) -> list[str]:
    """The names of the statements that are about to be durable."""
    kept = [work for work, outcome in zip(group, outcomes, strict=True) if not isinstance(outcome, EvercertError)]
    return [statement.query.name for work in kept for statement in work.statements]
