"""A clock that only its owner and its sleepers move, so that years pass in microseconds and always alike."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

__all__ = ["FakeClock"]

_START = datetime(2026, 1, 1, tzinfo=UTC)

# Turns of the event loop without a change, after which nothing but a sleeper can go on. A task that has just
# been started or woken needs a few (a gather, a task group, a queue in between) before it sleeps in its turn.
_CALM_TURNS = 16


class FakeClock:
    """Keeps `evercert.base.clock.Clock`.

    A sleeper moves the time to its own waking when nothing that is due earlier sleeps and every task that
    can run has had its turn. So concurrent sleepers wake in the order of their moments, and equal moments in
    the order in which they were asked for. A cancelled sleeper moves nothing.

    *settle* is for tests with threads or sockets in them: so many real seconds are theirs before the time moves.
    """

    def __init__(self, start: datetime = _START, *, settle: float = 0.0) -> None:
        self._now = start
        self._start = start
        self._settle = settle
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
            await self._nothing_else_can_go_on(sleeper)
            self._now = max(self._now, sleeper[0])
        finally:
            self._sleepers.remove(sleeper)
            heapq.heapify(self._sleepers)

    def sleep_blocking(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    async def _nothing_else_can_go_on(self, sleeper: tuple[datetime, int]) -> None:
        calm = 0
        while calm < _CALM_TURNS:
            await asyncio.sleep(self._settle / _CALM_TURNS)
            calm = calm + 1 if self._sleepers[0] == sleeper else 0
