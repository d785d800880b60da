"""News from other sessions: LISTEN on a session of its own, which is made again whenever it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random

from evercert.base.clock import Clock
from evercert.db.pg.session import Session
from evercert.db.wakeups import Wakeups

__all__ = ["Bell"]

# A server that comes back is asked again within this many seconds, and not by everybody in one moment.
_MOMENT = 1.0
# A network that was cut without a word is noticed by a question that gets no answer; it is asked this often (seconds).
_PULSE = 30.0


class Bell:
    """Rings `Wakeups`, whenever there is news and whenever some may have been missed. Runs from the first `attend`."""

    def __init__(self, connect: Callable[[], Awaitable[Session]], wakeups: Wakeups, clock: Clock, rng: Random) -> None:
        self._connect = connect
        self._wakeups = wakeups
        self._clock = clock
        self._rng = rng
        self._stirred = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def attend(self) -> None:
        """Have the channels heard on which somebody listens now. A channel is rung when its hearing begins."""
        self._stirred.set()
        if self._task is None:
            self._task = asyncio.create_task(self._stay(), name="evercert-store-bell")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _stay(self) -> None:
        while True:
            with suppress(Exception):  # whatever it is, the next session begins anew and misses nothing
                await self._one_session()
            await self._clock.sleep(self._rng.uniform(0, _MOMENT))

    async def _one_session(self) -> None:
        session = await self._connect()
        try:
            session.when_ended(self._stirred.set)
            await self._hear(session)
        finally:
            session.terminate()

    async def _hear(self, session: Session) -> None:
        heard: set[str] = set()
        while session.is_open:
            self._stirred.clear()
            for channel in self._wakeups.channels:
                if channel not in heard:
                    await session.listen(channel, self._wakeups.ring)
                    heard.add(channel)
                    self._wakeups.ring(channel)
            try:
                async with asyncio.timeout(_PULSE):
                    await self._stirred.wait()
            except TimeoutError:
                await session.execute("SELECT 1")
