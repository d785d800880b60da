"""One worker per certificate, among the tasks of this process and the processes of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from evercert.base.clock import Clock
from evercert.host.files import RangeLocks

__all__ = ["Claims"]

# How often to look whether another process has let go; a person may be waiting.
_LOOK = 0.2


class Claims:
    """Who may work on which certificate.

    A claim ends with its process, however that ends, so nothing has to expire. Trust: whoever
    can open the lock file can make us wait, and nothing else.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._locks = RangeLocks(path)
        self._clock = clock
        self._mine: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def hold(self, certificate: str) -> AsyncIterator[None]:
        """Inside, nobody else works on *certificate*; waits until that is so."""
        async with self._mine.setdefault(certificate, asyncio.Lock()):
            while not self._locks.try_lock(certificate):
                await self._clock.sleep(_LOOK)
            try:
                yield
            finally:
                self._locks.unlock(certificate)
                self._mine.pop(certificate, None)

    def close(self) -> None:
        self._locks.close()
