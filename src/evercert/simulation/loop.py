"""Virtual time: an event loop that never waits, and in which one life can be stopped while the others go on.

Rules of this file:

* When nothing can run, the time jumps to the next timer. So a history depends on nothing but its seed.
* A thread would not: what is given to one is done at once, on the loop.
* What runs belongs to a *life* (a process of the simulated world) or to the world itself; the context knows which.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar, TypeVarTuple

__all__ = ["Life", "Standstill", "VirtualLoop"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_WHOSE: ContextVar[Life | None] = ContextVar("whose", default=None)

# So many turns without the time moving are no work but a circle.
_MOST_TURNS = 200_000


class Standstill(Exception):
    """Nothing can run, and nothing ever will."""


class Life:
    """One process: all the tasks that its first one has made. `paused` as by SIGSTOP, `dead` as by SIGKILL."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.paused = False
        self.dead = False
        self._parked: list[_Ready] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._many = 64

    def begin(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Its first task."""
        context = copy_context()
        context.run(_WHOSE.set, self)
        return context.run(loop.create_task, work)

    def die(self) -> None:
        """Afterwards it does nothing to the world any more: whoever carries its wishes outside asks `dead`."""
        self.dead, self.paused = True, False
        for task in self._tasks:
            task.cancel()

    def demand_alive(self) -> None:
        """For whatever leads outside: a dead process gets no answer, and does nothing."""
        if self.dead:
            raise asyncio.CancelledError

    def owns(self, task: asyncio.Task[Any]) -> None:
        self._tasks.append(task)
        if len(self._tasks) > self._many:
            self._tasks = [each for each in self._tasks if not each.done()]
            self._many = 2 * len(self._tasks) + 64

    def park(self, ready: _Ready) -> None:
        self._parked.append(ready)

    def unparked(self) -> list[_Ready]:
        """What came for it while it was paused."""
        parked, self._parked = self._parked, []
        return parked


_Ready = tuple[Life | None, asyncio.Handle]


class VirtualLoop(asyncio.BaseEventLoop):
    """Its `time` begins at zero. `turns` counts what was run."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual = 0.0
        self._soon: deque[_Ready] = deque()
        self._timers: list[tuple[float, int, Life | None, asyncio.TimerHandle]] = []
        self._order = itertools.count()
        self._turns_here = 0
        self.set_task_factory(_make_task)

    def time(self) -> float:
        return self._virtual

    def resume(self, life: Life) -> None:
        """Afterwards the life goes on where it was stopped; what came for it meanwhile comes first."""
        life.paused = False
        self._soon.extend(life.unparked())

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        context = context or copy_context()
        handle = asyncio.Handle(callback, args, self, context)
        self._soon.append((context.get(_WHOSE), handle))
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        context = context or copy_context()
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), context.get(_WHOSE), handle))
        return handle

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Done before anybody can wait for it."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # it is the caller's
            future.set_exception(error)
        return future

    def _run_once(self) -> None:
        """One turn of the loop; `run_forever` of the base class calls it."""
        if not self._soon:
            self._jump()
        self._turns_here += 1
        if self._turns_here > _MOST_TURNS:
            raise Standstill(f"the same work comes again and again at {self._virtual:g} s")
        for _ in range(len(self._soon)):
            life, handle = self._soon.popleft()
            if handle.cancelled():
                continue
            if life is not None and life.paused:
                life.park((life, handle))
            else:
                handle._run()

    def _jump(self) -> None:
        """To the next timer that somebody still wants."""
        timers = self._timers
        while timers and timers[0][3].cancelled():
            heapq.heappop(timers)
        if not timers:
            raise Standstill(f"everybody waits for somebody else at {self._virtual:g} s")
        self._virtual, self._turns_here = max(self._virtual, timers[0][0]), 0
        while timers and timers[0][0] <= self._virtual:
            _, _, life, handle = heapq.heappop(timers)
            self._soon.append((life, handle))

    def _write_to_self(self) -> None:
        """Nothing waits that would have to be woken."""


def _make_task(loop: asyncio.AbstractEventLoop, coro: Any, **given: Any) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **given)
    if life := _WHOSE.get():
        life.owns(task)
    return task
