"""One worker per certificate, among the tasks of this process and all processes that share the store.

Rules of this file:

* What is done under a lease is written through `Leased.db`, which writes nothing once somebody else was given the
  certificate: also not when this process was stopped for an hour and goes on in the middle of a line.
* A lease is extended for as long as its process lives. A process that ends gives back what it had; of one that was
  killed another of the same node takes it over at once, one of another node when it has run out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Final, LiteralString
from weakref import WeakValueDictionary

from evercert.base.clock import Clock, SystemClock
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Row, Statement, Wakeup
from evercert.engine.owner import Owner
from evercert.store import certificates, leases
from evercert.store.leases import Lease

__all__ = ["LENGTH", "Fenced", "Leased", "Leases"]

# A node that dies is missed for so long. Long enough for a machine that swaps, or a server that restarts.
LENGTH: Final = timedelta(seconds=60)

# How often to look whether another process has let go; a person may be waiting.
_LOOK = 0.2


class Fenced(EvercertError):
    """Somebody else was given the certificate since. Its own class because there is nothing left to do or write."""


class Leased:
    """One certificate, ours for now; `db` is the store, to be written for as long as it is."""

    def __init__(self, db: Database, lease: Lease) -> None:
        self.db: Database = _Fence(db, lease)
        self.lease = lease
        self.is_ours = True

    @property
    def name(self) -> str:
        return self.lease.certificate

    async def until(self, moment: datetime, rank: int | None = None) -> bool:
        """Afterwards it is let go, and due at that moment in the order of *rank*; False, and it is ours as it was, if
        somebody asked for attention meanwhile."""
        scheduled = await certificates.schedule(self.db, self.name, moment, rank=rank)
        self.is_ours = not scheduled
        return scheduled


class Leases:
    """The leases of this process.

    They are extended in real time, whatever time the work is done in: what wakes a lease's holder is the machine's.
    """

    def __init__(
        self, db: Database, clock: Clock, owner: Owner, length: timedelta = LENGTH, pace: Clock | None = None
    ) -> None:
        self._db = db
        self._clock = clock
        self._owner = owner
        self._length = length
        self._pace = pace or SystemClock()
        self._held: set[Lease] = set()
        self._beating: asyncio.Task[None] | None = None
        # Each is there for as long as a task holds it or waits for it.
        self._mine: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[Leased]:
        """Inside, nobody else works on the certificate. Where somebody does, waits for him, who may be a person at a
        terminal. Raises `not-found`."""
        async with self._mine.setdefault(name, asyncio.Lock()), self.keeping(await self._claimed(name)) as leased:
            yield leased

    async def claim_due(self, limit: int) -> list[Lease]:
        """At most so many certificates that are due and nobody's, most pressing first; each is to be kept."""
        now = self._clock.now()
        return await leases.claim_due(self._db, self._owner.name, now, now + self._length, limit)

    async def claim_polls(self, ahead: timedelta, limit: int) -> list[Lease]:
        """At most so many certificates for which nothing is to be done, until *ahead* of now, but to ask their CA again
        when to renew; each is to be kept."""
        now = self._clock.now()
        return await leases.claim_polls(self._db, self._owner.name, now, now + self._length, limit, by=now + ahead)

    @asynccontextmanager
    async def keeping_all(self, claimed: Sequence[Lease]) -> AsyncIterator[None]:
        """Inside, none of them runs out. Whoever leaves without an error has let them go."""
        self._held |= set(claimed)
        self._keep_beating()
        try:
            yield
        except BaseException:
            for lease in claimed:
                with suppress(EvercertError):  # it runs out
                    await leases.release(self._db, lease, self._clock.now())
            raise
        finally:
            self._held -= set(claimed)

    @asynccontextmanager
    async def keeping(self, lease: Lease) -> AsyncIterator[Leased]:
        """Inside, the lease does not run out; afterwards the certificate is let go, due unless `Leased.until` said
        when."""
        leased = Leased(self._db, lease)
        self._held.add(lease)
        self._keep_beating()
        try:
            yield leased
        finally:
            self._held.discard(lease)
            if leased.is_ours:
                with suppress(EvercertError):  # it runs out
                    await leases.release(self._db, lease, self._clock.now())

    async def free_the_ended(self) -> None:
        """Afterwards what ended processes of this node worked on is due."""
        for owner in await leases.owners(self._db):
            if self._owner.has_ended(owner):
                await leases.free(self._db, owner, self._clock.now())

    async def close(self) -> None:
        """Afterwards nothing is held, and this process counts as ended."""
        if self._beating is not None:
            self._beating.cancel()
            with suppress(asyncio.CancelledError):
                await self._beating
        try:
            with suppress(EvercertError):
                await leases.free(self._db, self._owner.name, self._clock.now())
        finally:  # also where we are cancelled again on our way out
            self._owner.close()

    async def _claimed(self, name: str) -> Lease:
        while True:
            now = self._clock.now()
            if lease := await leases.claim(self._db, name, self._owner.name, now, now + self._length):
                return lease
            holder = await leases.holder(self._db, name)
            if holder is None:
                raise EvercertError("not-found", "there is no such certificate", name=name, hint="see `evercert list`")
            if self._owner.has_ended(holder):
                await leases.free(self._db, holder, now)
            else:
                await self._clock.sleep(_LOOK)

    def _keep_beating(self) -> None:
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat(), name="evercert-leases")

    async def _beat(self) -> None:
        stray: set[Lease] = set()
        while self._held or stray:
            await self._pace.sleep(self._length.total_seconds() / 4)
            with suppress(EvercertError):  # a store that is away is asked again, three times before they run out
                stray = await self._extend(stray)
        self._beating = None

    async def _extend(self, stray: set[Lease]) -> set[Lease]:
        """Those that nobody here keeps: a claim that was cancelled on its way may have been kept by the store. What was
        a *stray* the last time, too, is let go."""
        now = self._clock.now()
        extended = await leases.extend(self._db, self._owner.name, now + self._length)
        unkept = extended - self._held
        for lease in unkept & stray:
            await leases.release(self._db, lease, now)
        return unkept - stray


class _Fence:
    """The database, written only under the lease; keeps its contract."""

    def __init__(self, db: Database, lease: Lease) -> None:
        self._db = db
        self._lease = lease
        self.rows = db.rows
        self.read = db.read
        self.scan = db.scan
        self.notify = db.notify
        self.close = db.close

    async def write(self, *statements: Statement) -> list[list[Row]]:
        """Raises `Fenced` where somebody else was given the certificate; of nothing, that is all it does."""
        if not statements:
            await self._demand_current()
            return []
        try:
            _, *answers = await self._db.write(leases.fence(self._lease), *statements)
        except EvercertError as error:
            if error.code.name == "conflict":
                await self._demand_current()
            raise
        return answers

    async def _demand_current(self) -> None:
        if not await leases.is_current(self._db, self._lease):
            name = self._lease.certificate
            raise Fenced("conflict", "somebody else works on it now, because we were not seen for too long", name=name)

    def listen(self, channel: LiteralString) -> AbstractContextManager[Wakeup]:
        return self._db.listen(channel)
