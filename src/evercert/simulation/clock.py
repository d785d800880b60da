"""The time as a node of the simulated world reads it: virtual, and wrong by as much as its clock was set wrong."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from evercert.simulation.loop import Life, VirtualLoop

__all__ = ["BEGIN", "LifeClock", "WorldClock"]

BEGIN: Final = datetime(2027, 1, 1, tzinfo=UTC)


class WorldClock:
    """Keeps `base.clock.Clock`: the right time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def sleep_blocking(self, seconds: float) -> None:
        """Nobody may: the loop is the only one who moves the time."""
        raise RuntimeError("a simulation never blocks")


class LifeClock(WorldClock):
    """Keeps `base.clock.Clock` for one life. `wrong` is by how much it is fast, and may be changed at any moment."""

    def __init__(self, loop: VirtualLoop, life: Life) -> None:
        super().__init__(loop)
        self._life = life
        self.wrong = timedelta()

    def now(self) -> datetime:
        return super().now() + self.wrong

    async def sleep(self, seconds: float) -> None:
        self._life.demand_alive()
        await super().sleep(seconds)
        self._life.demand_alive()
