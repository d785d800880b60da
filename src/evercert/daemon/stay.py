"""Stay, and do what comes due, when it comes due."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import NoReturn

from evercert.base.errors import EvercertError
from evercert.daemon.following import Following
from evercert.daemon.standing import Standing
from evercert.engine.wiring import Engine
from evercert.store import certificates, retention

__all__ = ["stay"]

# Another process (`evercert obtain`) may write down something that is due at once; its worker
# does it, but if that dies we find it within this time.
_LOOK = timedelta(seconds=10)
_PRUNE_EVERY = timedelta(hours=6)


async def stay(engine: Engine) -> None:
    """Never returns; ends when cancelled, and what was begun is gone on with by the next one.

    A failure of the store is told and survived: it is tried again at the next look.
    """
    async with asyncio.TaskGroup() as side_by_side:
        # Beside the work that is due, because a slow CA is no reason to leave a server's clients outside.
        side_by_side.create_task(_stand(engine))
        side_by_side.create_task(_renew(engine))
        if engine.settings.config:
            side_by_side.create_task(_follow(engine))


async def _stand(engine: Engine) -> NoReturn:
    standing = Standing(engine)
    while True:
        try:
            await standing.look()
        except EvercertError as error:
            _tell(engine, error)
        await engine.clock.sleep(_LOOK.total_seconds())


async def _follow(engine: Engine) -> NoReturn:
    following = Following(engine)
    while True:
        try:
            await following.look()
        except EvercertError as error:
            _tell(engine, error)
        await engine.clock.sleep(_LOOK.total_seconds())


async def _renew(engine: Engine) -> NoReturn:
    prune_at = engine.clock.now()
    while True:
        try:
            await engine.worker.settle_due()
            if engine.clock.now() >= prune_at:
                await retention.prune(engine.db, engine.clock.now(), retention.Retention())
                prune_at = engine.clock.now() + _PRUNE_EVERY
            pause = await _pause(engine)
        except EvercertError as error:
            _tell(engine, error)
            pause = _LOOK
        await engine.clock.sleep(pause.total_seconds())


def _tell(engine: Engine, error: EvercertError) -> None:
    engine.telling(f"{error}; trying again in {_LOOK.seconds} s")


async def _pause(engine: Engine) -> timedelta:
    """Until the next thing is due, but never longer than a look takes; so long, too, where something is due
    still, because somebody else works on it."""
    moment, now = await certificates.next_action_at(engine.db), engine.clock.now()
    return min(moment - now, _LOOK) if moment is not None and moment > now else _LOOK
