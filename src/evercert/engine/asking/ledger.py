"""What an attempt writes down, kept in the store; and what its order costs, paid out of the CA's limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from evercert.acme.cas import Limit
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.db.protocol import Database, Statement
from evercert.engine.asking.lanes import Full, entering, full_among, lanes_at
from evercert.engine.limits import budget
from evercert.engine.limits.budget import Draw
from evercert.engine.limits.spending import Payer
from evercert.model.access import CaAccess
from evercert.model.fact import Account, CertificateFact, Issuance, IssuanceStatus, IssuedCertificate, Presented
from evercert.pki.cert import read_certificate
from evercert.store import cas, issuances, issued, presented

__all__ = ["Ledger"]


class Ledger:
    """Keeps the contract of `issue.means.Record`; for one attempt at one account's CA. `placing` and
    `replaces_dropped` raise `Held` where a limit, or a lane, leaves no room. Attempts that race have *one_wins* in
    common."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        fact: CertificateFact,
        account: Account,
        one_wins: asyncio.Lock | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._fact = fact
        self._account = account
        self._payer = Payer(db, clock, account.ca, fact)
        self._known_access: CaAccess | None = None
        self._one_wins = one_wins or asyncio.Lock()

    async def placing(self, issuance: Issuance) -> Issuance:
        draws = await self._draws(ari=bool(issuance.replaces) and self._in_window())
        if issuance.status is IssuanceStatus.PLACING:
            await self._payer.wait_for(draws)
            return await issuances.placing(self._db, issuance)
        reserved = self._payer.reserved(draws)
        found = lanes_at(await self._access(), self._fact.intent, self._account.name)

        async def place(paid: Sequence[Statement]) -> Issuance:
            now, name = self._clock.now(), issuance.certificate
            entered = entering(found, name, now)
            try:
                return await issuances.placing(self._db, issuance, *entered, *paid, reserved=reserved)
            except EvercertError as error:
                if error.code.name == "conflict" and (lane := await full_among(self._db, found, name, now)):
                    raise Full(lane, self._account.ca, now) from error
                raise

        return await self._payer.pay(draws, place)

    async def replaces_dropped(self, issuance: Issuance) -> Issuance:
        """An order that names no predecessor counts in full; what was exempt is paid for now."""
        exempt = {draw.key for draw in await self._draws(ari=self._in_window()) if draw.cost}
        draws = [draw for draw in await self._draws(ari=False) if draw.key not in exempt]
        reserved = self._payer.reserved(draws)

        async def drop(paid: Sequence[Statement]) -> Issuance:
            return await issuances.drop_replaces(self._db, issuance, *paid, reserved=reserved)

        return await self._payer.pay(draws, drop)

    async def ordered(self, issuance: Issuance, url: str, *, adopted: bool) -> Issuance:
        return await issuances.ordered(
            self._db, issuance, url, ca=self._account.ca, adopted=adopted, now=self._clock.now()
        )

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

    async def disproved(self, identifier: Identifier) -> None:
        await self._payer.charge(budget.failure_draws(self._account.name, identifier, await self._known_limits()))

    async def issued(self, issuance: Issuance, chain: Sequence[bytes]) -> IssuedCertificate:
        """Of two that race the first is the current one; what comes late is kept beside it."""
        view, now = read_certificate(chain[0]), self._clock.now()
        async with self._one_wins:
            try:
                kept = await issuances.issued(self._db, issuance, tuple(chain), view, now=now)
            except EvercertError as error:
                if error.code.name != "conflict":
                    raise
                kept = await issuances.issued_late(self._db, issuance, tuple(chain), view, now=now)
        limits = await self._known_limits()
        await self._payer.forgive(budget.forgiven_draws(self._fact.intent, self._account.name, limits))
        return kept

    @asynccontextmanager
    async def learning(self) -> AsyncIterator[None]:
        """What is done inside may meet a limit that nobody knew of: then the ledger knows, and this raises `Held`."""
        try:
            yield
        except EvercertError as error:
            if held := await self._payer.learned(await self._draws(ari=False, renewal=False), error):
                raise held from error
            raise

    async def _draws(self, *, ari: bool, renewal: bool | None = None) -> tuple[Draw, ...]:
        limits = await self._known_limits()
        if renewal is None:
            renewal = any(limit.renewal_exempt for limit in limits) and await self._is_renewal()
        return budget.draws(self._fact.intent, limits, account=self._account.name, renewal=renewal, ari=ari)

    async def _known_limits(self) -> tuple[Limit, ...]:
        return budget.limits_of(await self._access())

    async def _access(self) -> CaAccess:
        if self._known_access is None:
            self._known_access = await cas.access(self._db, self._account.ca)
        return self._known_access

    def _in_window(self) -> bool:
        renewal = self._fact.renewal
        return renewal is not None and renewal.window_start <= self._clock.now() < renewal.window_end

    async def _is_renewal(self) -> bool:
        """Whether this account has a certificate for exactly these names."""
        current = self._fact.current
        if current is None or current.issuance_id is None:
            return False
        before = await issuances.get(self._db, current.issuance_id)
        if before is None or before.account_id != self._account.id:
            return False
        leaf, _ = await issued.body(self._db, current.id)
        return set(read_certificate(leaf).identifiers) == set(self._fact.intent.identifiers)
