"""The hands of the engine: what the planner says is done, and what came of it is written down.

Rules of this file:

* One certificate at a time per task, under its lease; facts are read again after every step.
* A failure is a fact: it is stored with the time of the next attempt, and nothing waits here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from itertools import count

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.engine.leases import Fenced, Leased, Leases
from evercert.engine.places import LONG, Places
from evercert.engine.plan import plan
from evercert.engine.report import Telling
from evercert.engine.urgency import rank_at
from evercert.model.fact import CertificateFact, IssuedCertificate
from evercert.model.task import Step, Task, Wait
from evercert.store import certificates
from evercert.store.leases import Lease

__all__ = ["Hand", "Worker"]

# Does one step for one certificate and writes down what came of it; True if it got anywhere.
# What it writes about the certificate goes through the database that it is given.
Hand = Callable[[Database, CertificateFact, Task], Awaitable[bool]]

# A certificate needs clean-up, one issuance and one poll, and a step for each of its targets; whatever asks for so
# many more in one go is going round in circles, and is left alone for an hour.
_MOST_STEPS = 50
_DIZZY = timedelta(hours=1)

# One go yields one certificate. A CA whose renewal window is always in the past would have us renew without end: the
# next one is not before this, or a twentieth of the life. Where that goes on, engine/asking/loopbreaker.py ends it.
_AGAIN = timedelta(days=1)

# A step that got nowhere and left no time for its next attempt (clean-up) is tried again after this.
_PAUSE = timedelta(minutes=10)
# So many times its width a worker has in hand at most: what waits long for somebody holds no place, but memory.
_WAITING = 8

# What the store has failed is nobody's fault here; it may be restarting.
_SOON = timedelta(seconds=15)

_log = logging.getLogger(__name__)


class Worker:
    """Does what is due, `width` certificates side by side, and those that take *long* seconds beside them."""

    def __init__(
        self,
        leases: Leases,
        clock: Clock,
        telling: Telling,
        hands: dict[Step, Hand],
        width: int,
        poll: Callable[[], Awaitable[list[str]]] | None = None,
        long: float = LONG,
    ) -> None:
        self._leases = leases
        self._clock = clock
        self._telling = telling
        self._hands = hands
        self._width = width
        self._poll = poll
        self._places = Places(width, long)
        self._draining = False
        # Who found a lane full when it was last looked at. Owned by this process alone.
        self._in_line: set[str] = set()

    async def settle(self, name: str, *, by_hand: bool = False) -> None:
        """Afterwards nothing is due for the certificate now: it was done, or it failed and waits. A person who is there
        has it done *by_hand*: no window and no freeze keeps it from servers."""
        async with self._places.one(), self._leases.hold(name) as leased:
            with self._telling.about(name), suppress(Fenced):
                await self._settle(leased, by_hand)

    async def settle_all(self, names: Iterable[str], *, by_hand: bool = False) -> None:
        """`settle` each of them that is not deleted meanwhile, side by side; afterwards raise the first failure, when
        none is left running."""
        names = tuple(names)
        results = await asyncio.gather(*(self.settle(name, by_hand=by_hand) for name in names), return_exceptions=True)
        for name, failure in zip(names, results, strict=True):
            if failure is not None and not _says_gone(failure, name):
                raise failure

    async def settle_due(self) -> list[str]:
        """Afterwards nothing is due but what came due again meanwhile or somebody else works on; the
        certificates that were looked at, most pressing first. None of them waits for, or fails with, another."""
        done: dict[str, None] = {}
        working: set[asyncio.Task[None]] = set()
        await self._leases.free_the_ended()
        # Together first what would be done one by one.
        polled = await self._poll() if self._poll else []
        try:
            while True:
                working |= {
                    asyncio.create_task(self._settle_claimed(each)) for each in await self._fresh(working, done)
                }
                if not working:
                    return list(dict.fromkeys([*done, *polled]))
                _, working = await asyncio.wait(working, timeout=self._places.long, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _ended(working)

    async def stay(self, rest: Callable[[], Awaitable[None]]) -> None:
        """Do what comes due when it comes due, until `drain`; *rest* returns when it is time to look again. A
        failure of the store is raised, when what was begun has ended."""
        working: set[asyncio.Task[None]] = set()
        resting: asyncio.Task[None] | None = None
        try:
            while working or not self._draining:
                claimed = await self._claimed(working)
                working |= {asyncio.create_task(self._settle_claimed(each)) for each in claimed}
                if resting is None or resting.done():
                    if resting is not None:
                        await resting  # it looks into the store too, and may have failed
                    resting = asyncio.ensure_future(rest())
                    await self._leases.free_the_ended()
                await asyncio.wait({resting, *working}, return_when=asyncio.FIRST_COMPLETED)
                working = {task for task in working if not task.done()}
        finally:
            await _ended({resting, *working} if resting else working)

    def drain(self) -> None:
        """From now on nothing more is begun, and what is being worked on is let go after its step."""
        self._draining = True

    async def _fresh(self, working: set[asyncio.Task[None]], done: dict[str, None]) -> list[Lease]:
        """Claimed certificates that this go has not looked at yet, or that were called in since."""
        claimed = await self._claimed(working)
        again = [each for each in claimed if each.certificate in done and each.certificate not in self._in_line]
        for lease in again:
            async with self._leases.keeping(lease):
                pass  # due again: for the next go
        done |= dict.fromkeys(each.certificate for each in claimed)
        return [each for each in claimed if each not in again]

    async def _claimed(self, working: set[asyncio.Task[None]]) -> list[Lease]:
        """Some certificates that are due, if there is room for them; not one at a time, so that not every
        certificate is a claim of its own."""
        room = min(self._width + self._places.without, self._width * _WAITING) - len(working)
        if self._draining or self._places.taken or room < self._width / 4:
            return []
        return await self._leases.claim_due(room)

    async def _settle_claimed(self, lease: Lease) -> None:
        async with self._leases.keeping(lease) as leased, self._places.one():
            with self._telling.about(leased.name):
                await self._settle_or_leave(leased)

    async def _settle_or_leave(self, leased: Leased) -> None:
        try:
            await self._settle(leased)
        except Fenced as error:
            self._telling(str(error))
        except Exception as error:  # a stranger's plugin may raise anything, and a store may be full
            told = str(error) if isinstance(error, EvercertError) else f"an unexpected {type(error).__name__}"
            pause = _SOON if isinstance(error, EvercertError) and error.code.name == "store" else _PAUSE
            self._telling(f"{told}; left alone for {pause.seconds} s")
            _log.debug("the work on %s failed", leased.name, exc_info=error)
            with suppress(EvercertError):
                await leased.until(self._clock.now() + pause)

    async def _settle(self, leased: Leased, by_hand: bool = False) -> None:
        began: CertificateFact | None = None
        for done in count():
            fact = await certificates.fact(leased.db, leased.name)
            if fact is None or self._draining:
                return
            if done == _MOST_STEPS + len(fact.intent.targets):
                break
            began = began or fact
            step = plan(fact, self._clock.now(), by_hand=by_hand)
            if isinstance(step, Wait):
                self._note_line(fact)
                if await leased.until(step.until, rank_at(fact, step.until)):
                    return
                continue  # somebody asked for attention; perhaps after the facts were read
            if step.step is Step.ISSUE and fact.current and _is_new(fact.current, began.current):
                self._telling(f"left alone for now: it was issued a moment ago, and again {step.reason}")
                await self._leave(leased, fact, min(fact.current.lifetime / 20, _AGAIN))
                return
            if not await self._hands[step.step](leased.db, fact, step):
                await self._leave(leased, fact, _PAUSE)
                return
        self._telling("left alone for an hour: the same work comes up again and again")
        await leased.until(self._clock.now() + _DIZZY)

    def _note_line(self, fact: CertificateFact) -> None:
        if fact.hold is not None and fact.hold.in_line:
            self._in_line.add(fact.intent.name)
        else:
            self._in_line.discard(fact.intent.name)

    async def _leave(self, leased: Leased, fact: CertificateFact, pause: timedelta) -> None:
        moment = self._clock.now() + pause
        await leased.until(moment, rank_at(fact, moment))


def _says_gone(failure: BaseException, name: str) -> bool:
    return isinstance(failure, EvercertError) and (failure.code.name, failure.name) == ("not-found", name)


def _is_new(current: IssuedCertificate, before: IssuedCertificate | None) -> bool:
    return before is None or current.id != before.id


async def _ended(working: set[asyncio.Task[None]]) -> None:
    """Afterwards none of them runs."""
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)
