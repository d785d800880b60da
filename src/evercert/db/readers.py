"""The threads that read, each on a connection of its own: no read waits for a write, and the loop for no disk."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue

from evercert.base.errors import EvercertError
from evercert.db.connection import Connection
from evercert.db.failures import as_told
from evercert.db.protocol import Row, Statement
from evercert.db.work import Outcome, Work

__all__ = ["Readers"]

# A second one makes each of many reads half as dear again, because they take the interpreter from each other. It
# pays once something scans for long beside the work: a list of 10,000 certificates is done in 0.1 s.
_THREADS = 1


class Readers:
    """Answers reads in the order in which they come, as threads are free."""

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path
        self._patience = patience
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"evercert-store-reader-{number}", daemon=True)
            for number in range(_THREADS)
        ]
        for thread in self._threads:
            thread.start()

    async def submit(self, statements: Sequence[Statement]) -> list[list[Row]]:
        if self._closed:
            raise EvercertError("store", "the store was closed")
        work = Work(statements)
        self._queue.put(work)
        return await work.answered()

    def close(self) -> None:
        """Afterwards everything submitted before is answered."""
        self._closed = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection: Connection | None = None
        while (work := self._queue.get()) is not None:
            try:
                connection = connection or Connection(self._path, writes=False, patience=self._patience)
                outcome: Outcome = _snapshot(connection, work.statements)
            except BaseException as error:  # whatever it is, this thread goes on and somebody waits for the answer
                outcome = as_told(error, self._path)
            work.answer(outcome)
        if connection is not None:
            connection.close()


def _snapshot(connection: Connection, statements: Sequence[Statement]) -> list[list[Row]]:
    """What each returns, all of them from one moment."""
    if len(statements) == 1:
        return [connection.run(statements[0])]
    connection.begin_snapshot()
    try:
        return [connection.run(statement) for statement in statements]
    finally:
        connection.roll_back()
