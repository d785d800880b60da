"""The thread that writes.

Rules of this file:

* Transactions that wait together are committed together: one flush of the disk for all of them. Each is
  a savepoint, so that one that fails does not take the others with it.
* A transaction is answered after its commit and never before (design law 3).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from evercert.base.errors import EvercertError
from evercert.db.connection import Connection
from evercert.db.failures import as_told
from evercert.db.protocol import Row, Statement
from evercert.db.work import Outcome, Work

__all__ = ["AroundCommit", "Writer"]

# Wraps the commit of the transactions whose statements have those names. Tests fail or die in it,
# before or after the commit; nothing else sets it.
AroundCommit = Callable[[Sequence[str]], AbstractContextManager[object]]

# Beyond this a group's commit costs no less per transaction, and its first waits for the others.
_GROUP = 64


class Writer:
    """The thread that writes; owner of the writing connection."""

    def __init__(self, path: Path, connection: Connection, around_commit: AroundCommit) -> None:
        self._path = path
        self._connection = connection
        self._around_commit = around_commit
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="evercert-store-writer", daemon=True)
        self._thread.start()

    async def submit(self, statements: Sequence[Statement]) -> list[list[Row]]:
        if self._closed:
            raise EvercertError("store", "the store was closed")
        work = Work(statements)
        self._queue.put(work)
        return await work.answered()

    def close(self) -> None:
        """Afterwards everything submitted before is durable or answered with an error."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            self._commit(group)
        self._connection.close()

    def _next_group(self) -> list[Work]:
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

    def _commit(self, group: Sequence[Work]) -> None:
        outcomes: list[Outcome]
        try:
            self._connection.begin()
            outcomes = [self._attempt(work) for work in group]
            with self._around_commit(_names(group, outcomes)):
                self._connection.commit()
        except BaseException as error:  # whatever it is, this thread goes on and somebody waits for the answer
            outcomes = [as_told(error, self._path) for _ in group]
            self._give_up()
        for work, outcome in zip(group, outcomes, strict=True):
            work.answer(outcome)

    def _attempt(self, work: Work) -> Outcome:
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


def _names(group: Sequence[Work], outcomes: Sequence[object]) -> list[str]:
    """The names of the statements that are about to be durable."""
    kept = [work for work, outcome in zip(group, outcomes, strict=True) if not isinstance(outcome, EvercertError)]
    return [statement.query.name for work in kept for statement in work.statements]
