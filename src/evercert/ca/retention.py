"""Bounding every table: what is over and old enough goes, in small transactions, and its space with it.

What stays for ever is small: an account that was used (its key must not become another's), and keys that are blocked.
Safe to run at any time, on any node, beside requests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from evercert.base.clock import Clock, to_epoch
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database

__all__ = ["Keeping", "Pruned", "Retention"]

_SQL: Final = queries("retention")
# So many rows go in one transaction, so that requests wait for milliseconds.
_PORTION: Final = 500
# Of 8 MB of free pages each; what is left is given back next time.
_SHRINKS: Final = 200


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept after they are over: orders and authorizations after they expire, certificates after
    their own end, audit records from when they were written."""

    orders: timedelta = timedelta(days=7)
    certificates: timedelta = timedelta(days=90)
    audit: timedelta = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows of each kind went."""

    orders: int
    authorizations: int
    certificates: int
    audit: int
    rest: int


@dataclass(frozen=True, slots=True)
class Keeping:
    """Owned by one node."""

    db: Database
    clock: Clock
    policy: Retention = field(default_factory=Retention)

    async def prune(self) -> Pruned:
        """Afterwards nothing is kept that the policy gives up, and free space is the file system's again.

        Idempotent; a cancelled run leaves the rest for the next."""
        now = self.clock.now()
        pruned = Pruned(
            orders=await self._orders(now - self.policy.orders),
            authorizations=await self._portions("prune authorizations", now - self.policy.orders),
            certificates=await self._portions("prune certificates", now - self.policy.certificates),
            audit=await self._audit(now - self.policy.audit),
            rest=await self._rest(now),
        )
        if any((pruned.orders, pruned.authorizations, pruned.certificates, pruned.audit, pruned.rest)):
            for _ in range(_SHRINKS):
                await self.db.write(_SQL["give space back"]())
        return pruned

    async def _rest(self, now: datetime) -> int:
        return sum(
            [
                await self._portions("prune limits", now),
                await self._portions("prune nonces", now),
                await self._portions("prune failures", now - self.policy.orders),
                await self._portions("prune pauses", now - self.policy.certificates),
            ]
        )

    async def _orders(self, before: datetime) -> int:
        gone = 0
        while True:
            given = {"before": to_epoch(before), "limit": _PORTION}
            _, rows = await self.db.write(
                _SQL["free what dead orders were to replace"](**given), _SQL["prune orders"](**given)
            )
            gone += len(rows)
            if len(rows) < _PORTION:
                return gone

    async def _audit(self, before: datetime) -> int:
        gone = 0
        while True:
            moved = _SQL["move audit anchor"](before=to_epoch(before), limit=_PORTION)
            _, rows = await self.db.write(moved, _SQL["prune audit"]())
            gone += len(rows)
            if len(rows) < _PORTION:
                return gone

    async def _portions(self, query: str, before: datetime) -> int:
        gone = 0
        while True:
            (rows,) = await self.db.write(_SQL[query](before=to_epoch(before), limit=_PORTION))
            gone += len(rows)
            if len(rows) < _PORTION:
                return gone
