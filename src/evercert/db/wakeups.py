"""Who waits for news on which channel, whichever way the news comes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Wakeup", "Wakeups"]


class Wakeup:
    """News on one channel since the last look; many pieces of news are one."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self) -> None:
        """Returns once there may be news since it last returned. May be cancelled; then the news stays."""
        await self._rung.wait()
        self._rung.clear()


class Wakeups:
    """Everybody of this process who listens. Used on one loop."""

    def __init__(self) -> None:
        self._listening: defaultdict[str, set[Wakeup]] = defaultdict(set)

    @property
    def channels(self) -> list[str]:
        return [channel for channel, wakeups in self._listening.items() if wakeups]

    @contextmanager
    def listening(self, channel: str) -> Iterator[Wakeup]:
        wakeup = Wakeup()
        self._listening[channel].add(wakeup)
        try:
            yield wakeup
        finally:
            self._listening[channel].discard(wakeup)

    def ring(self, channel: str) -> None:
        for wakeup in self._listening.get(channel, ()):
            wakeup.ring()

    def ring_all(self) -> None:
        for channel in self.channels:
            self.ring(channel)
