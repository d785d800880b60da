"""The places of a worker: so many certificates are worked on at once, and who waits long for somebody holds none.

An attempt waits ten minutes for a CA that validates slowly, and as long for one that takes half a minute for each
request. Were its place held meanwhile, such a CA would soon have all of them, and certificates of other CAs would wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

__all__ = ["LONG", "Places"]

# Whoever works for longer waits for somebody, in seconds: an attempt takes some seconds where nothing is slow.
LONG: Final = 60.0


class Places:
    """*width* of them, each held for no longer than *long* seconds. Owned by one worker."""

    def __init__(self, width: int, long: float = LONG) -> None:
        self.long = long
        # Of those who work on, so many hold no place any more.
        self.without = 0
        self._room = asyncio.Semaphore(width)

    @property
    def taken(self) -> bool:
        """Whether none is free."""
        return self._room.locked()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Begins when there is a place; inside, it is held, and given up when that takes long."""
        await self._room.acquire()
        held = True

        def give_up() -> None:
            nonlocal held
            held = False
            self.without += 1
            self._room.release()

        giving_up = asyncio.get_running_loop().call_later(self.long, give_up)
        try:
            yield
        finally:
            giving_up.cancel()
            if held:
                self._room.release()
            else:
                self.without -= 1
