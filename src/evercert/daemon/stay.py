"""Stay, and do what comes due, when it comes due."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn

from evercert.base.errors import EvercertError, as_failure
from evercert.base.waiting import first_of
from evercert.daemon.following import Following
from evercert.daemon.standing import Standing
from evercert.engine.watch import StoreWatch
from evercert.engine.wiring import Engine
from evercert.store import certificates, retention
from evercert.store.certificates import WORK

__all__ = ["stay"]

# News of work may be lost with the process that brings it, and what a dead one left is found by looking.
_LOOK = timedelta(seconds=10)
_PRUNE_EVERY = timedelta(hours=6)

# What is being done when we are told to end may finish its step; service managers wait longer than this.
_DRAIN = timedelta(seconds=25)

_REMINDED = timedelta(hours=1)


async def stay(
    engine: Engine, ending: asyncio.Event | None = None, *, first: bool = True, look: timedelta = _LOOK
) -> None:
    """Returns after *ending* was set: what was being done has finished its step, or is gone on with by the next one,
    as it is after a cancel. Of several processes on one machine the *first* alone stands before live servers and
    follows the declaration.

    A failure of the store is told once and survived: it is tried again at each *look*. So is whatever goes wrong beside
    the work, and while it stays the same it is told again every hour.
    """
    watch = StoreWatch(engine.clock, engine.telling, look)
    repeat = partial(_repeat, engine, watch)
    beside: list[Coroutine[Any, Any, NoReturn]] = [
        repeat("retention", _PRUNE_EVERY, lambda: _prune(engine)),
        repeat("incidents", look, engine.incidents.attend),
        engine.notifying.stay(watch),
        repeat("polls", look, lambda: _poll(engine)),
    ]
    if first:
        # Beside the work that is due, because a slow CA is no reason to leave a server's clients outside.
        beside.append(repeat("fronts", look, Standing(engine).look))
        if engine.settings.config:
            beside.append(repeat("declaration", look, Following(engine).look))
    async with asyncio.TaskGroup() as side_by_side:
        tasks = [side_by_side.create_task(work) for work in beside]
        working = side_by_side.create_task(_work(engine, watch))
        if ending is None:
            return
        await ending.wait()
        engine.worker.drain()
        await asyncio.wait({working}, timeout=_DRAIN.total_seconds())
        for task in (*tasks, working):
            task.cancel()


async def _repeat(
    engine: Engine, watch: StoreWatch, loop: str, pause: timedelta, look: Callable[[], Awaitable[None]]
) -> NoReturn:
    told, quiet_until = "", engine.clock.now()
    while True:
        error: EvercertError | None = None
        try:
            await look()
        except Exception as caught:  # whatever it is, certificates are renewed meanwhile
            error = as_failure(caught)
        away = watch.heard(loop, error)
        now = engine.clock.now()
        if error is not None and not away and (str(error) != told or now >= quiet_until):
            _tell(engine, error, pause)
            quiet_until = now + _REMINDED
        told = str(error) if error else ""
        await engine.clock.sleep((watch.look if away else pause).total_seconds())


async def _prune(engine: Engine) -> None:
    await retention.prune(engine.db, engine.clock.now(), retention.Retention())


async def _poll(engine: Engine) -> None:
    await engine.polling.look()


async def _work(engine: Engine, watch: StoreWatch) -> None:
    with engine.db.listen(WORK) as news:

        async def rest() -> None:
            pause = await _pause(engine, watch.look)
            watch.heard("work")
            await first_of(news.wait(), engine.clock.sleep(pause.total_seconds()))

        while True:
            try:
                return await engine.worker.stay(rest)
            except EvercertError as error:
                if not watch.heard("work", error):
                    _tell(engine, error, watch.look)
            await engine.clock.sleep(watch.look.total_seconds())


async def _pause(engine: Engine, look: timedelta) -> timedelta:
    """Until the next thing is due, but never longer than a look takes; so long, too, where something is due
    still, because somebody else works on it or there is no room."""
    moment, now = await certificates.next_action_at(engine.db), engine.clock.now()
    return min(moment - now, look) if moment is not None and moment > now else look


def _tell(engine: Engine, error: EvercertError, pause: timedelta) -> None:
    engine.telling(f"{error}; trying again in {pause.total_seconds():.0f} s")
