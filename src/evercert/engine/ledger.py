"""What an attempt writes down, kept in the store."""

from __future__ import annotations

from collections.abc import Sequence

from evercert.base.clock import Clock
from evercert.db.protocol import Database
from evercert.model.fact import Issuance, IssuedCertificate, Presented
from evercert.pki.cert import read_certificate
from evercert.store import issuances, presented

__all__ = ["Ledger"]


class Ledger:
    """Keeps the contract of `issue.means.Record`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def placing(self, issuance: Issuance) -> Issuance:
        return await issuances.placing(self._db, issuance, now=self._clock.now())

    async def replaces_dropped(self, issuance: Issuance) -> Issuance:
        return await issuances.drop_replaces(self._db, issuance)

    async def ordered(self, issuance: Issuance, url: str, *, adopted: bool) -> Issuance:
        return await issuances.ordered(self._db, issuance, url, adopted=adopted, now=self._clock.now())

    async def known_orders(self, issuance: Issuance) -> frozenset[str]:
        return await issuances.known_order_urls(self._db, issuance.account_id)

    async def presenting(self, items: Sequence[Presented]) -> list[Presented]:
        return await presented.add(self._db, items)

    async def noted(self, item: Presented) -> None:
        await presented.note(self._db, item)

    async def taking_away(self) -> None:
        await self._db.write()  # of nothing, so that only the lease's fence speaks

    async def taken_away(self, items: Sequence[Presented]) -> None:
        await presented.remove(self._db, items)

    async def issued(self, issuance: Issuance, chain: Sequence[bytes]) -> IssuedCertificate:
        view = read_certificate(chain[0])
        return await issuances.issued(self._db, issuance, tuple(chain), view, now=self._clock.now())
