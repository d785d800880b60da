"""The store as one node reaches it: it takes a moment, fails at times, and is out of reach for the dead."""

from __future__ import annotations

from contextlib import AbstractContextManager
from random import Random
from typing import LiteralString

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Row, Statement, Wakeup
from evercert.simulation.clock import LifeClock
from evercert.simulation.faults import FaultKind, Weather
from evercert.simulation.loop import Life

__all__ = ["StoreOfLife"]

# Of what a failing database is asked: fails and is not kept, fails and is kept. Some take much longer.
_NOT_KEPT, _KEPT, _SLOW = 0.3, 0.2, 0.1
_QUICK, _LATE = 0.002, 20.0
# So much of what is asked lets somebody else go first; all of it would cost half of a history's time.
_OTHERS_FIRST = 0.25


class StoreOfLife:
    """Keeps the contract of `Database` over one that several lives share."""

    def __init__(self, shared: Database, life: Life, clock: LifeClock, weather: Weather, rng: Random) -> None:
        self._shared = shared
        self._life = life
        self._clock = clock
        self._weather = weather
        self._rng = rng

    async def rows(self, statement: Statement) -> list[Row]:
        return (await self.read(statement))[0]

    async def read(self, *statements: Statement) -> list[list[Row]]:
        if await self._moment():
            raise _failed()
        return await self._shared.read(*statements)

    async def scan(self, *statements: Statement) -> list[list[Row]]:
        return await self.read(*statements)

    async def write(self, *statements: Statement) -> list[list[Row]]:
        failing = await self._moment()
        if failing and self._rng.random() * (_NOT_KEPT + _KEPT) < _NOT_KEPT:
            raise _failed()
        rows = await self._shared.write(*statements)
        await self._others_first()
        if failing:
            raise _failed()
        return rows

    def listen(self, channel: LiteralString) -> AbstractContextManager[Wakeup]:
        return self._shared.listen(channel)

    def notify(self, channel: LiteralString) -> None:
        self._life.demand_alive()
        self._shared.notify(channel)

    async def close(self) -> None:
        """The world's, which others use still."""

    async def _moment(self) -> bool:
        """Afterwards it is this call's turn; whether it is one that fails."""
        if self._weather.at(self._clock.monotonic(), FaultKind.STORE) is None:
            await self._others_first()
            return False
        await self._clock.sleep(self._rng.uniform(0, _LATE if self._rng.random() < _SLOW else _QUICK))
        return self._rng.random() < _NOT_KEPT + _KEPT

    async def _others_first(self) -> None:
        self._life.demand_alive()
        if self._rng.random() < _OTHERS_FIRST:
            await self._clock.sleep(self._rng.uniform(0, _QUICK))


def _failed() -> EvercertError:
    return EvercertError("store", "the database does not answer", hint="nothing can be done but to wait")
