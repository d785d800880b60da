"""The engine's ledger of limits without a database: its arithmetic, and in memory what the store's SQL writes.

What stands here twice is told where it stands first: `engine/limits/spending.py` and `store/queries/budgets.sql`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zlib import crc32

from evercert.base.clock import from_epoch, to_epoch
from evercert.engine.limits import budget
from evercert.engine.limits.budget import Draw
from evercert.engine.limits.spending import told
from evercert.engine.urgency import is_urgent, urgent_from
from evercert.model.fact import CertificateFact

__all__ = ["Hold", "Ledger"]

_Key = tuple[str, str, str]
_PATIENCE: Final = timedelta(days=1)
# What is full again is forgotten when there are so many more.
_MANY: Final = 50_000

# Until when, and what is used up.
Hold = tuple[datetime, str]


class Ledger:
    """One for all CAs. Every method is of one moment, which never goes back."""

    def __init__(self) -> None:
        self.tats: dict[_Key, int] = {}
        self._tails: dict[tuple[_Key, bool], int] = {}
        self._next_look = _MANY

    def held(self, ca: str, draws: Sequence[Draw], fact: CertificateFact, now: datetime) -> Hold | None:
        """Why there is no room, and this one's turn; None if there is room (`Payer._held`)."""
        urgent = is_urgent(fact, now)
        at = to_epoch(now)
        rooms = [(room, draw) for draw in draws if draw.limit and (room := self._room(ca, draw, urgent)) > at]
        if not rooms:
            return None
        room, worst = max(rooms, key=lambda each: each[0])
        return self._turn(ca, worst, room, fact, now, urgent), told(ca, worst)

    def pay(self, ca: str, draws: Sequence[Draw], now: datetime) -> None:
        at = to_epoch(now)
        for draw in draws:
            if draw.limit and draw.cost:
                key = (ca, *draw.key)
                self.tats[key] = budget.drawn(draw.limit, self.tats.get(key, 0), at, draw.cost)
        if len(self.tats) > self._next_look:
            self.tats = {key: tat for key, tat in self.tats.items() if tat > at}
            self._next_look = len(self.tats) + _MANY

    def forgive(self, ca: str, draws: Sequence[Draw]) -> None:
        """Afterwards these are full."""
        for draw in draws:
            self.tats.pop((ca, *draw.key), None)

    def _room(self, ca: str, draw: Draw, urgent: bool) -> int:
        tat = self.tats.get((ca, *draw.key))
        return budget.room_at(draw.limit, tat, draw.cost, urgent=urgent) if draw.limit and tat else 0

    def _turn(self, ca: str, draw: Draw, room: int, fact: CertificateFact, now: datetime, urgent: bool) -> datetime:
        """`Payer._turn`."""
        last = to_epoch(now + _PATIENCE)
        turn = None
        if room <= last:
            turn = self._queued(((ca, *draw.key), urgent), draw, room, last) if draw.cost else room
        late = now + _PATIENCE * (1 + crc32(fact.intent.name.encode()) / 2**32) / 2
        moment = from_epoch(turn) if turn else late
        since = urgent_from(fact)
        return since if since and now < since < moment else moment

    def _queued(self, key: tuple[_Key, bool], draw: Draw, room: int, last: int) -> int | None:
        """The query `queue`, or `queue urgently`."""
        tail = self._tails.get(key, 0)
        apart = max(draw.cost, 1) * budget.interval(draw.limit) if draw.limit else 0
        if tail >= room and tail + apart > last:
            return None
        turn = self._tails[key] = tail + apart if tail >= room else room
        return turn
