"""The hands of the engine: what the planner says is done, and what came of it is written down.

Rules of this file:

* One certificate at a time per task, under its claim; facts are read again after every step.
* A failure is a fact: it is stored with the time of the next attempt, and nothing waits here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import timedelta

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.engine.claims import Claims, Taken
from evercert.engine.plan import plan
from evercert.engine.report import Telling
from evercert.model.fact import CertificateFact, IssuedCertificate
from evercert.model.task import Step, Task, Wait
from evercert.store import certificates

__all__ = ["Hand", "Worker"]

# Does one step for one certificate and writes down what came of it; True if it got anywhere.
# What it writes about the certificate goes through the database that it is given.
Hand = Callable[[Database, CertificateFact, Task], Awaitable[bool]]

# A certificate needs clean-up, one issuance, its targets and one poll; whatever asks for more
# than this in one go is going round in circles, and is left alone for an hour.
_MOST_STEPS = 50
_DIZZY = timedelta(hours=1)

# One go yields one certificate. A CA whose renewal window is always in the past would have us renew without
# end: the next one is not before this, or a twentieth of the life.
_AGAIN = timedelta(days=1)

# A step that got nowhere and left no time for its next attempt (clean-up) is tried again after this.
_PAUSE = timedelta(minutes=10)

# Due certificates are read in portions, so that a million of them do not stand in memory.
_PORTION = 500

_log = logging.getLogger(__name__)


class Worker:
    """Does what is due, `width` certificates side by side."""

    def __init__(
        self, db: Database, claims: Claims, clock: Clock, telling: Telling, hands: dict[Step, Hand], width: int
    ) -> None:
        self._db = db
        self._claims = claims
        self._clock = clock
        self._telling = telling
        self._hands = hands
        self._width = asyncio.Semaphore(width)

    async def settle(self, name: str) -> None:
        """Afterwards nothing is due for the certificate now: it was done, or it failed and waits."""
        async with self._width, self._claims.hold(name):
            with self._telling.about(name):
                await self._settle(name)

    async def settle_all(self, names: Iterable[str]) -> None:
        """`settle` each of them, side by side; afterwards raise the first failure, when none is left running."""
        results = await asyncio.gather(*map(self.settle, names), return_exceptions=True)
        for failure in filter(None, results):
            raise failure

    async def settle_due(self) -> list[str]:
        """Afterwards nothing is due but what came due again meanwhile or somebody else works on; the
        certificates that were looked at. None of them waits for, or fails with, another."""
        done: dict[str, None] = {}
        while names := [name for name in await self._due() if name not in done]:
            await asyncio.gather(*map(self._settle_one_of_many, names))
            done |= dict.fromkeys(names)
        return list(done)

    async def _due(self) -> list[str]:
        """Of those that are due the ones that matter most first, and of these the ones that are due longest."""
        facts = await certificates.due(self._db, self._clock.now(), _PORTION)
        return [fact.intent.name for fact in sorted(facts, key=lambda fact: fact.intent.terms.criticality.rank)]

    async def _settle_one_of_many(self, name: str) -> None:
        try:
            async with self._width, self._claims.hold(name, waits=False):
                with self._telling.about(name):
                    await self._settle_or_leave(name)
        except Taken:
            return

    async def _settle_or_leave(self, name: str) -> None:
        try:
            await self._settle(name)
        except Exception as error:  # a stranger's plugin may raise anything, and a store may be full
            told = str(error) if isinstance(error, EvercertError) else f"an unexpected {type(error).__name__}"
            self._telling(f"{told}; left alone for {_PAUSE}")
            _log.debug("the work on %s failed", name, exc_info=error)
            with suppress(EvercertError):
                await self._leave(name, _PAUSE)

    async def _settle(self, name: str) -> None:
        began: CertificateFact | None = None
        for _ in range(_MOST_STEPS):
            fact = await certificates.fact(self._db, name)
            if fact is None:
                return
            began = began or fact
            step = plan(fact, self._clock.now())
            if isinstance(step, Wait):
                if await certificates.schedule(self._db, name, step.until):
                    return
                continue  # somebody asked for attention; perhaps after the facts were read
            if step.step is Step.ISSUE and fact.current and _is_new(fact.current, began.current):
                self._telling(f"left alone for now: it was issued a moment ago, and again {step.reason}")
                await self._leave(name, min(fact.current.lifetime / 20, _AGAIN))
                return
            if not await self._hands[step.step](self._db, fact, step):
                await self._leave(name, _PAUSE)
                return
        self._telling("left alone for an hour: the same work comes up again and again")
        await self._leave(name, _DIZZY)

    async def _leave(self, name: str, pause: timedelta) -> None:
        await certificates.schedule(self._db, name, self._clock.now() + pause)


def _is_new(current: IssuedCertificate, before: IssuedCertificate | None) -> bool:
    return before is None or current.id != before.id
