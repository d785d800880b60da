"""What a node does between requests: it ends what others left, and makes what has come due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, NoReturn

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.ca.store import leases
from evercert.db.protocol import Database

__all__ = ["Duty", "by_one_node", "kept_up"]

_log = logging.getLogger(__name__)

# Seconds after which whoever has not ended is told so again.
_AGAIN: Final = 0.5
# A database that was away for a moment is no reason to leave for an hour what is done once an hour.
_SOON: Final = 60.0

Duty = Callable[[], Awaitable[object]]


def by_one_node(db: Database, clock: Clock, node: int, name: str, pause: timedelta, duty: Duty) -> Duty:
    """The duty, for a *node* that does it every *pause*, and that leaves it to another which has done it within that
    time. It must be harmless to do it twice."""

    async def if_it_is_ours() -> None:
        now = clock.now()
        if await leases.take(db, name, node, now, now + pause):
            await duty()

    return if_it_is_ours


@asynccontextmanager
async def kept_up(clock: Clock, duties: Mapping[str, tuple[float, Duty]]) -> AsyncIterator[None]:
    """Inside, each duty is done again and again, so many seconds after it was done last. One that fails is told in the
    log by its name and done again within a minute."""
    tasks = [asyncio.create_task(_again_and_again(clock, name, *duty)) for name, duty in duties.items()]
    try:
        yield
    finally:
        await _ended(tasks)


async def _ended(tasks: Iterable[asyncio.Task[NoReturn]]) -> None:
    """What fails as it is cancelled (a lease that cannot be given back) does not know any more that it was: it is told
    again."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN)


async def _again_and_again(clock: Clock, name: str, pause: float, duty: Duty) -> NoReturn:
    soon = min(pause, _SOON)
    while True:
        try:
            await duty()
        except EvercertError as error:
            _log.error("%s failed: %s; again in %g s", name, error, soon, extra={"code": error.code.name})
            await clock.sleep(soon)
        except Exception:
            _log.exception("%s failed; again in %g s", name, soon)
            await clock.sleep(soon)
        else:
            await clock.sleep(pause)
