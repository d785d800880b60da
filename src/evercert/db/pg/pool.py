"""So many sessions at most, each lent to one piece of work at a time; opened when needed, kept while they live."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.db.pg.failures import as_told, is_lost, is_not_ready
from evercert.db.pg.session import Session

__all__ = ["Pool"]

T = TypeVar("T")

# A server that comes back is asked again within this many seconds, and not by everybody in one moment.
_MOMENT = 0.25


class Pool:
    """Sessions for whoever comes first. A server that is away is waited for, as is a session while all are lent."""

    def __init__(
        self,
        place: str,
        size: int,
        patience: float,
        clock: Clock,
        rng: Random,
        connect: Callable[[], Awaitable[Session]],
    ) -> None:
        self._place = place
        self._size = size
        self._patience = patience
        self._clock = clock
        self._rng = rng
        self._connect = connect
        self._places = asyncio.Semaphore(size)
        self._idle: list[Session] = []

    async def run(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """What *work* returns; a session that it leaves in the middle of something is not used again.

        Raises what the work raises, and `store` where no session came free or could be opened.
        """
        await self._wait_for_place()
        try:
            session = await self._session()
            try:
                return await work(session)
            except BaseException as error:
                if is_lost(error) or not isinstance(error, Exception):
                    session.terminate()
                raise
            finally:
                self._take_back(session)
        finally:
            self._places.release()

    async def close(self) -> None:
        """Afterwards no idle session is open."""
        while self._idle:
            await self._idle.pop().close()

    async def _wait_for_place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()  # at once, so that no timer is needed
            return
        try:
            async with asyncio.timeout(self._patience):
                await self._places.acquire()
        except TimeoutError:
            told = f"all {self._size} sessions with {self._place} were busy for {self._patience:g} s"
            raise EvercertError("store", told, hint="see what they wait for in pg_stat_activity") from None

    async def _session(self) -> Session:
        while self._idle:
            # The last one first, so that few are used when there is little to do.
            if (session := self._idle.pop()).is_open:
                return session
        deadline = self._clock.monotonic() + self._patience
        while True:
            try:
                return await self._connect()
            except Exception as error:
                if not is_not_ready(error) or self._clock.monotonic() > deadline:
                    raise as_told(error, self._place) from None
            await self._clock.sleep(self._rng.uniform(0, _MOMENT))

    def _take_back(self, session: Session) -> None:
        if session.is_reusable:
            self._idle.append(session)
        else:
            session.terminate()
