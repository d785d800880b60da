"""One worker per certificate, among the tasks of this process and the processes of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.host.files import RangeLocks

__all__ = ["Claims", "Taken"]

# How often to look whether another process has let go; a person may be waiting.
_LOOK = 0.2


class Taken(EvercertError):
    """Somebody else has the claim. Its own class because whoever does what is due leaves it to him."""


class Claims:
    """Who may work on which certificate.

    A claim ends with its process, however that ends, so nothing has to expire. Trust: whoever
    can open the lock file can make us wait, and nothing else.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._locks = RangeLocks(path)
        self._clock = clock
        # Each is there for as long as a task holds it or waits for it.
        self._mine: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, certificate: str, *, waits: bool = True) -> AsyncIterator[None]:
        """Inside, nobody else works on *certificate*. Where somebody does, *waits* for him, who may be a
        person at a terminal; else raises `Taken`."""
        mine = self._mine.setdefault(certificate, asyncio.Lock())
        if mine.locked() and not waits:
            raise Taken("conflict", "somebody else works on it", name=certificate)
        async with mine:
            while not self._locks.try_lock(certificate):
                if not waits:
                    raise Taken("conflict", "another process works on it", name=certificate)
                await self._clock.sleep(_LOOK)
            try:
                yield
            finally:
                self._locks.unlock(certificate)

    def close(self) -> None:
        self._locks.close()
