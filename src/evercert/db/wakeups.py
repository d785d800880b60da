"""Who waits for news on which channel, whichever way the news comes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from evercert.db.protocol import Wakeup

__all__ = ["Wakeups"]


class _Bell:
    """Keeps the contract of `Wakeup`."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self) -> None:
        await self._rung.wait()
        self._rung.clear()


class Wakeups:
    """Everybody of this process who listens. Used on one loop."""

    def __init__(self) -> None:
        # In the order in which they came, so that a simulation is the same each time.
        self._listening: defaultdict[str, dict[_Bell, None]] = defaultdict(dict)

    @property
    def channels(self) -> list[str]:
        return [channel for channel, wakeups in self._listening.items() if wakeups]

    @contextmanager
    def listening(self, channel: str) -> Iterator[Wakeup]:
        bell = _Bell()
        self._listening[channel][bell] = None
        try:
            yield bell
        finally:
            self._listening[channel].pop(bell, None)

    def ring(self, channel: str) -> None:
        for bell in self._listening.get(channel, ()):
            bell.ring()

    def ring_all(self) -> None:
        for channel in self.channels:
            self.ring(channel)
