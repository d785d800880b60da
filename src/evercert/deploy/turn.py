"""One deploy at a time for what several certificates share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.host.locks import FileLock

__all__ = ["turn"]

# Longer than a reload and its proof take; many waiters at once come to their turn within it.
_PATIENCE = 600.0
_LOOK = 0.05


@asynccontextmanager
async def turn(place: Path, clock: Clock) -> AsyncIterator[None]:
    """Inside, nobody else of ours holds *place* (a file or folder), in this process or another.

    Ends with its process, however that ends. Raises `conflict` if the wait takes too long.
    """
    lock = FileLock(place)
    until = clock.monotonic() + _PATIENCE
    while not lock.try_lock():
        if clock.monotonic() >= until:
            raise EvercertError("conflict", f"other deploys have held {place} for {_PATIENCE:g} seconds")
        await clock.sleep(_LOOK)
    try:
        yield
    finally:
        lock.unlock()
