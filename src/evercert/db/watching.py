"""News from other processes that use the same SQLite file: it is asked now and then whether one has written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.db.protocol import Query, Row, Statement
from evercert.db.wakeups import Wakeups

__all__ = ["Watch"]

# It changes when another connection has written than the one that is asked: as that is our only one that
# writes, another process's (sqlite.org/pragma.html#pragma_data_version).
_VERSION: Final = Query("data version", "PRAGMA data_version")


class _Writing(Protocol):
    async def submit(self, statements: Sequence[Statement]) -> list[list[Row]]: ...


class Watch:
    """Rings everybody once another process has written, within *interval* seconds. Runs from the first `attend`."""

    def __init__(self, writer: _Writing, wakeups: Wakeups, clock: Clock, interval: float) -> None:
        self._writer = writer
        self._wakeups = wakeups
        self._clock = clock
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    def attend(self) -> None:
        self._wakeups.ring_all()
        if self._task is None:
            self._task = asyncio.create_task(self._stay(), name="evercert-store-watch")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _stay(self) -> None:
        seen = -1
        while True:
            with suppress(EvercertError):  # a busy store is asked again
                [[(version,)]] = await self._writer.submit((_VERSION(),))
                if version != seen:
                    self._wakeups.ring_all()
                seen = version
            await self._clock.sleep(self._interval)
