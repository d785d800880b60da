"""What is left of limits, as the ledger knows it, for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from evercert.acme.cas import LimitScope
from evercert.base.clock import from_epoch, to_epoch
from evercert.db.protocol import Database
from evercert.engine.limits import budget
from evercert.engine.limits.budget import Draw
from evercert.model.intent import CertificateIntent
from evercert.observe.quota import span
from evercert.store import budgets, cas
from evercert.store.budgets import Bucket

__all__ = ["Remaining", "remaining", "remaining_for"]


class Remaining(msgspec.Struct, frozen=True):
    """So much of a limit of *count* in so many *seconds* is left; zero of zero where only the CA knows it. `room_at` is
    when routine work may draw again, None where it may now; `learned` whether the CA itself said so."""

    scope: str
    limit: str
    about: str
    count: int
    left: int
    seconds: int
    room_at: datetime | None = None
    learned: bool = False

    def __str__(self) -> str:
        words = f"no {self.limit} ({self.about})"
        if self.count:
            period = span(timedelta(seconds=self.seconds))
            words = f"{self.left} of {self.count} {self.limit} in {period} are left ({self.about})"
        if self.room_at is None:
            return words
        said = "the CA says that there is room" if self.learned else "there is room"
        return f"{words}; {said} from {self.room_at:%Y-%m-%d %H:%M} UTC on"


async def remaining_for(db: Database, intent: CertificateIntent, now: datetime) -> list[Remaining]:
    """Of each limit that a first certificate for these names would draw on, or be held back by."""
    limits = budget.limits_of(await cas.access(db, intent.ca))
    return await remaining(db, intent.ca, budget.draws(intent, limits), now)


async def remaining(db: Database, ca: str, draws: Iterable[Draw], now: datetime) -> list[Remaining]:
    """The same of these; what no limit is known of, and of which the CA has said nothing, is left out."""
    wanted = list(draws)
    known = await budgets.buckets(db, [(draw.place or ca, *draw.key) for draw in wanted])
    at = to_epoch(now)
    return [
        _remaining(draw, bucket, at)
        for draw, bucket in zip(wanted, known, strict=True)
        if draw.limit or bucket.learned_until > at
    ]


def _remaining(draw: Draw, known: Bucket, at: int) -> Remaining:
    told = known.learned_until > at
    room, left, count = known.learned_until, 0, 0
    if draw.limit:
        room = max(room, budget.room_at(draw.limit, known.tat, draw.cost))
        count = draw.limit.count
        left = 0 if told else budget.left(draw.limit, known.tat, at)
    return Remaining(
        scope=draw.scope.word,
        limit=draw.scope.value,
        about="these names" if draw.scope is LimitScope.CERTIFICATES_PER_SET else draw.subject.rpartition(" ")[2],
        count=count,
        left=left,
        seconds=int(draw.limit.period.total_seconds()) if draw.limit else 0,
        room_at=from_epoch(room) if room > at else None,
        learned=told,
    )
