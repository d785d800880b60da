"""What a node does between requests: it ends what others left, and makes what has come due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NoReturn

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError

__all__ = ["kept_up"]

_log = logging.getLogger(__name__)

Duty = Callable[[], Awaitable[object]]


@asynccontextmanager
async def kept_up(clock: Clock, duties: Mapping[str, tuple[float, Duty]]) -> AsyncIterator[None]:
    """Inside, each duty is done again and again, so many seconds after it was done last. One that fails is told in the
    log by its name and done again like the others."""
    tasks = [asyncio.create_task(_again_and_again(clock, name, *duty)) for name, duty in duties.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _again_and_again(clock: Clock, name: str, pause: float, duty: Duty) -> NoReturn:
    while True:
        try:
            await duty()
        except EvercertError as error:
            _log.error("%s failed: %s; again in %g s", name, error, pause, extra={"code": error.code.name})
        except Exception:
            _log.exception("%s failed; again in %g s", name, pause)
        await clock.sleep(pause)
