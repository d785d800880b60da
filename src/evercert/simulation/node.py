"""A node of the simulated world: a process that stays and renews, dies, stands still, and is started again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from random import Random

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.base.message import Request, Response
from evercert.daemon.stay import stay
from evercert.engine.wiring import Engine, Servers, open_engine
from evercert.net.http import HttpSettings
from evercert.simulation.clock import LifeClock
from evercert.simulation.faults import Fault, FaultKind
from evercert.simulation.loop import Life
from evercert.simulation.store import StoreOfLife
from evercert.simulation.world import World

__all__ = ["Node", "Spoil"]

# How long the service manager waits before it starts a process again that has ended.
_RESTART = 10.0

# By how much a clock is wrong at most, in looks: far longer than a lease, and a hundredth of a life.
_WRONG = 0.24

# Breaks an engine on purpose, to see whether a law notices.
Spoil = Callable[[Engine], None]


class _Wire:
    """The way to everything that speaks HTTP; keeps `engine.wiring.ClosableTransport`."""

    def __init__(self, world: World, life: Life, clock: LifeClock) -> None:
        self._world = world
        self._life = life
        self._clock = clock

    async def send(self, request: Request) -> Response:
        await self._clock.sleep(self._world.rng.uniform(0.01, 0.1))
        try:
            return await self._world.answer(request)
        finally:
            # A process that died meanwhile never hears of it.
            self._life.demand_alive()

    async def close(self) -> None:
        """Nothing is open."""


class Node:
    """Numbered among the nodes of its world. `lives` counts how often it was started."""

    def __init__(self, world: World, number: int, look: timedelta, spoil: Spoil | None) -> None:
        self._world = world
        self.number = number
        self._look = look
        self._spoil = spoil
        self.lives = 0
        self._life: Life | None = None
        self._clock: LifeClock | None = None
        self._wrong = timedelta()

    @property
    def name(self) -> str:
        return f"node {self.number}"

    async def run(self) -> None:
        """Be started again and again, until cancelled."""
        try:
            while True:
                await self._live()
                await asyncio.sleep(_RESTART)
                if crash := self._fault(FaultKind.CRASH):
                    await asyncio.sleep(crash.until - self._world.clock.monotonic())
        finally:
            if self._life:
                self._life.die()

    async def suffer(self, fault: Fault) -> None:
        """Afterwards the fault is over."""
        life, span = self._life, fault.until - fault.since
        self._tell(str(fault))
        if fault.kind is FaultKind.CRASH and life:
            life.die()
        elif fault.kind is FaultKind.PAUSE and life and not life.dead and not life.paused:
            life.paused = True
            await asyncio.sleep(span)
            self._world.loop.resume(life)
            self._tell("goes on")
        elif fault.kind is FaultKind.CLOCK:
            await self._wrong_for(span, self._look * _WRONG * (2 * fault.chance - 1))

    async def _wrong_for(self, span: float, by: timedelta) -> None:
        self._wrong = by
        self._set_clock()
        await asyncio.sleep(span)
        self._wrong = timedelta()
        self._set_clock()

    def _set_clock(self) -> None:
        if self._clock:
            self._clock.wrong = self._wrong

    async def _live(self) -> None:
        """One process, from its start to its end."""
        self.lives += 1
        life = self._life = Life(f"{self.name}.{self.lives}")
        self._clock = LifeClock(self._world.loop, life)
        self._set_clock()
        self._tell("starts")
        task = life.begin(self._world.loop, self._stay(life, self._clock))
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()):
            self._ended(error)
        self._tell("has ended")

    def _ended(self, error: BaseException) -> None:
        """A failing store may keep a process from starting; nothing else may end it."""
        if isinstance(error, EvercertError) and error.code.name == "store":
            self._tell(f"cannot start: {error}")
            return
        self._world.broke(f"{self.name} ended with {type(error).__name__}: {_inner(error)}")

    async def _stay(self, life: Life, clock: LifeClock) -> None:
        world = self._world
        store = StoreOfLife(world.db, life, clock, world.weather, world.rng)

        def wire(settings: HttpSettings, given: Clock) -> _Wire:
            return _Wire(world, life, clock)

        def tell(certificate: str, text: str) -> None:
            if text:
                world.trace.note(world.clock.monotonic(), life.name, f"{certificate or '-'}: {text}")

        async with open_engine(
            world.settings(self.number),
            tell,
            clock=clock,
            rng=Random(f"{life.name} of {world.seed}"),  # noqa: S311 - so that it comes again
            database=store,
            make_transport=wire,
            make_resolver=lambda servers: world.names,
            servers=Servers(world.servers.load, world.servers.probe),
        ) as engine:
            if self._spoil:
                self._spoil(engine)
            await stay(engine, look=self._look)

    def _fault(self, kind: FaultKind) -> Fault | None:
        return self._world.weather.at(self._world.clock.monotonic(), kind, self.number, self._world.nodes)

    def _tell(self, what: str) -> None:
        self._world.trace.note(self._world.clock.monotonic(), self.name, what)


def _inner(error: BaseException) -> BaseException:
    return _inner(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
