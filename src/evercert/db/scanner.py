"""The thread that reads what takes long or must wait, on a connection of its own: the loop waits for neither."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.db.connection import Connection
from evercert.db.failures import as_told
from evercert.db.protocol import Row, Statement

__all__ = ["Scanner"]


class Scanner:
    """Answers reads in the order in which they come. Thread and connection are made for the first."""

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path
        self._patience = patience
        self._connection: Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="evercert-store-scanner")
        self._closed = False

    async def submit(self, statements: Sequence[Statement]) -> list[list[Row]]:
        if self._closed:
            raise EvercertError("store", "the store was closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._scan, statements)

    def close(self) -> None:
        """Afterwards everything submitted before is answered. Idempotent."""
        self._closed = True
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()

    def _scan(self, statements: Sequence[Statement]) -> list[list[Row]]:
        try:
            if self._connection is None:
                self._connection = Connection(self._path, writes=False, patience=self._patience)
            return self._connection.snapshot(statements)
        except Exception as error:
            raise as_told(error, self._path) from error
