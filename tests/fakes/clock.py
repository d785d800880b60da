"""A clock that only its owner and its sleepers move, so that years pass in microseconds and always alike."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

__all__ = ["FakeClock"]

_START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """Keeps `evercert.base.clock.Clock`.

    A sleeper moves the time to its own waking when nothing that is due earlier sleeps, after every
    task that can run has had its turn. So concurrent sleepers wake in the order of their moments, and
    equal moments in the order in which they were asked for. A cancelled sleeper moves nothing.
    """

    def __init__(self, start: datetime = _START) -> None:
        self._now = start
        self._start = start
        self._sleepers: list[tuple[datetime, int]] = []
        self._turn = itertools.count()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds()

    def advance(self, seconds: float | timedelta) -> None:
        """Move the time forward, as if the machine had been busy for so long."""
        self._now += seconds if isinstance(seconds, timedelta) else timedelta(seconds=max(0.0, seconds))

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        sleeper = (self._now + timedelta(seconds=max(0.0, seconds)), next(self._turn))
        heapq.heappush(self._sleepers, sleeper)
        try:
            await self._others_have_run()
            while self._sleepers[0] != sleeper:
                await asyncio.sleep(0)
            self._now = max(self._now, sleeper[0])
        finally:
            self._sleepers.remove(sleeper)
            heapq.heapify(self._sleepers)

    def sleep_blocking(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    async def _others_have_run(self) -> None:
        """Give tasks that are ready now the chance to ask for an earlier waking."""
        # A task started together with us needs a few turns of the loop (a gather, a task group, a
        # queue in between) before it sleeps; sixteen is more than any chain in src.
        for _ in range(16):
            await asyncio.sleep(0)
