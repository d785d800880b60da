"""Paying for what a CA counts, out of the ledger that all nodes share; waiting for room; learning from a no.

Rules of this file:

* What is paid for is written in the same transaction as the payment, so that both are or neither is.
* What waits is told a moment of its own: of a thousand that wait for one limit, one wakes when there is room for one.
* What a CA says of its limits goes before what we have counted.
* Of a limit that we know something is kept for what is urgent. Where we do not, those that are urgent ask first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import urlsplit
from zlib import crc32

from evercert.acme.cas import KNOWN_CAS, Limit, LimitScope
from evercert.acme.problem import Problem
from evercert.base.clock import Clock, from_epoch, to_epoch
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Statement
from evercert.engine.limits import budget
from evercert.engine.limits.budget import PATIENCE, Draw
from evercert.engine.limits.holding import Held
from evercert.engine.limits.refusals import named_draws, wait_of
from evercert.engine.urgency import is_urgent, urgent_from
from evercert.model.event import LimitLearned
from evercert.model.fact import CertificateFact
from evercert.observe.quota import span
from evercert.store import budgets
from evercert.store.budgets import Bucket, Reserved

__all__ = ["Payer", "called", "told"]

T = TypeVar("T")

# Where a CA says no and no limit of it is known, those that wait come this far apart at first, and twice as many with
# each second in which it does not say no again, so often.
_APART: Final = timedelta(seconds=1) // timedelta(microseconds=1)
_DOUBLINGS: Final = 8

# Somebody gave back, or time went by, between the attempt and the look at what it lacked.
_TRIES: Final = 3

# Later than every moment that is stored.
_NEVER: Final = 1 << 62

_NAMES: Final = {ca.directory: ca.name for ca in KNOWN_CAS}

# What is counted by there says more than which account or certificate it is.
_SHOWN: Final = {LimitScope.CERTIFICATES_PER_DOMAIN, LimitScope.FAILURES_PER_NAME, LimitScope.FAILURES_IN_A_ROW}

_OF_CERTIFICATES: Final = {LimitScope.CERTIFICATES_PER_DOMAIN, LimitScope.CERTIFICATES_PER_SET}
_ACCOUNTS: Final = LimitScope.ACCOUNTS_PER_ADDRESS

Key = tuple[str, str, str]


class Payer:
    """Pays at one CA on behalf of one certificate, or (with no *fact*) of nobody in particular."""

    def __init__(self, db: Database, clock: Clock, ca: str, fact: CertificateFact | None = None) -> None:
        self._db = db
        self._clock = clock
        self._ca = ca
        self._fact = fact

    async def pay(self, draws: Sequence[Draw], write: Callable[[Sequence[Statement]], Awaitable[T]]) -> T:
        """What *write* returned, which wrote what is paid for together with the statements that it was given; nothing
        was written where it raised `conflict`, or this raises `Held`."""
        for attempt in range(_TRIES):
            now = to_epoch(self._clock.now())
            try:
                return await write([self._statement(draw, now) for draw in draws])
            except EvercertError as error:
                if error.code.name != "conflict":
                    raise
                if held := await self._held(draws, paid=False):
                    raise held from error
                if attempt + 1 == _TRIES:
                    raise
        raise AssertionError("unreachable")

    def reserved(self, draws: Iterable[Draw]) -> list[Reserved]:
        """Of these what the CA counts once it has issued (Boulder's `countCertificateIssued`), not when it is asked."""
        return [
            Reserved(self._key(draw), draw.cost * budget.interval(draw.limit))
            for draw in draws
            if draw.limit and draw.cost and draw.scope in _OF_CERTIFICATES
        ]

    async def wait_for(self, draws: Sequence[Draw]) -> None:
        """For what was paid for already: raises `Held` while the CA itself has said no."""
        if held := await self._held(draws, paid=True):
            raise held

    async def charge(self, draws: Iterable[Draw]) -> None:
        """Afterwards the CA's own counting is known here, too."""
        now = to_epoch(self._clock.now())
        statements = [
            budgets.charge(self._key(draw), now=now, span=draw.cost * budget.interval(draw.limit))
            for draw in draws
            if draw.limit
        ]
        if statements:
            await self._db.write(*statements)

    async def forgive(self, draws: Iterable[Draw]) -> None:
        """Afterwards these are full, but for what the CA itself said."""
        keys = [self._key(draw) for draw in draws]
        now = to_epoch(self._clock.now())
        known = [each.key for each in await budgets.buckets(self._db, keys) if each.tat]
        if known:
            await self._db.write(*(budgets.forgive(key, now=now) for key in known))

    async def learned(self, draws: Sequence[Draw], error: EvercertError) -> Held | None:
        """Afterwards no node draws before its time on the limit that *error* says is used up; None, and nothing is
        learned, where it is about something else, or only a person can help."""
        if error.code.name != "rate-limited":
            return None
        detail = error.detail if isinstance(error, Problem) else error.message
        found = named_draws(draws, detail)
        if found is None:
            return None
        keys = [self._key(draw) for draw in found]
        known = await budgets.buckets(self._db, keys)
        now = self._clock.now()
        wait, refusals = wait_of(known, error.after, now)
        until = now + wait
        if to_epoch(until) > max(each.learned_until for each in known):
            await self._learn(found, until, refusals, now)
        return await self._held(found, paid=True, said=True)

    async def _learn(self, found: Sequence[Draw], until: datetime, refusals: int, now: datetime) -> None:
        at = to_epoch(until)
        known = [
            Bucket(self._key(draw), budget.learned_tat(draw.limit, at) if draw.limit else 0, at, refusals)
            for draw in found
        ]
        event = LimitLearned(
            certificate=self._fact.intent.name if self._fact else "",
            ca=self._ca,
            limit=found[0].scope.value,
            subject=found[0].subject,
            until=until.isoformat(),
        )
        await budgets.learn(self._db, known, event, now)

    def _statement(self, draw: Draw, now: int) -> Statement:
        if draw.limit is None:
            behind = _NEVER if self._urgent else now - _APART
            return budgets.has_room(self._key(draw), now=now, latest=_NEVER, behind=behind)
        step = budget.interval(draw.limit)
        latest = now + budget.ahead(draw.limit, urgent=self._urgent)
        if not draw.cost:
            return budgets.has_room(self._key(draw), now=now, latest=latest - step, behind=_NEVER)
        taken = min(draw.cost, budget.usable(draw.limit, urgent=self._urgent)) * step
        return budgets.draw(self._key(draw), now=now, span=taken, latest=latest - taken)

    async def _held(self, draws: Sequence[Draw], *, paid: bool, said: bool = False) -> Held | None:
        """Why there is no room, and when there is; None if there is."""
        now = self._clock.now()
        known = await budgets.buckets(self._db, [self._key(draw) for draw in draws])
        rooms = {draw.key: self._room(draw, each, paid=paid) for draw, each in zip(draws, known, strict=True)}
        short = [draw for draw in draws if rooms[draw.key] > to_epoch(now)]
        if not short:
            return None
        worst = max(short, key=lambda draw: rooms[draw.key])
        until = await self._turn(worst, rooms[worst.key], now)
        return Held(told(self._ca, worst), now, until, ca=self._ca, learned=said)

    async def _turn(self, draw: Draw, room: int, now: datetime) -> datetime:
        """When it is this one's turn at the bucket: not later than it becomes urgent, nor than in a day. Those that
        find no turn before that come again in the second half of it, and not all at once."""
        hold = self._fact.hold if self._fact else None
        if hold and hold.place and now < hold.place and (hold.ca, hold.limit) == (self._ca, told(self._ca, draw)):
            return hold.place
        last = to_epoch(now + PATIENCE)
        turn = None
        if room <= last and draw.limit and not draw.cost:
            turn = room  # who comes draws nothing, so that nobody is in anybody's way
        elif room <= last:
            turn = await self._queued(draw, room, last)
        name = self._fact.intent.name if self._fact else ""
        moment = from_epoch(turn) if turn else now + PATIENCE * (1 + crc32(name.encode()) / 2**32) / 2
        since = urgent_from(self._fact) if self._fact else None
        return since if since and now < since < moment else moment

    async def _queued(self, draw: Draw, room: int, last: int) -> int | None:
        span = max(draw.cost, 1) * budget.interval(draw.limit) if draw.limit else _APART
        doublings = 0 if draw.limit else _DOUBLINGS
        return await budgets.queue(
            self._db, self._key(draw), room, span, last, urgent=self._urgent, doublings=doublings
        )

    def _room(self, draw: Draw, known: Bucket, *, paid: bool) -> int:
        if draw.limit is None and not self._urgent:
            return max(known.learned_until, known.urgent_tail + _APART)
        if draw.limit is None or paid:
            return known.learned_until
        return max(known.learned_until, budget.room_at(draw.limit, known.tat, draw.cost, urgent=self._urgent))

    @property
    def _urgent(self) -> bool:
        return self._fact is not None and is_urgent(self._fact, self._clock.now())

    def _key(self, draw: Draw) -> Key:
        return (draw.place or self._ca, *draw.key)


def told(ca: str, draw: Draw) -> str:
    """The limit that is used up, as a clause."""
    name = draw.place.removeprefix("dns:") or called(ca)
    if draw.limit is None:
        return f"{name} {'makes no more accounts' if draw.scope is _ACCOUNTS else 'takes no more orders'} for now"
    subject = draw.subject.rpartition(" ")[2]
    about = f" for {subject}" if draw.scope in _SHOWN else ""
    return f"{name}'s limit of {_limit_words(draw.limit)} is used up{about}"


def called(ca: str) -> str:
    """The CA with that directory, as people call it."""
    return _NAMES.get(ca) or urlsplit(ca).hostname or ca


def _limit_words(limit: Limit) -> str:
    """The limit, as it reads after `limit of`."""
    return f"{limit.count} {limit.scope.value} in {span(limit.period)}"
