"""Orders that were given up, taken back at their CA; or taken in, where they were finished all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from evercert.acme.wire import Order
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.engine.asking.answering import is_turn, note
from evercert.engine.asking.attempting import Attempting, Joint
from evercert.engine.asking.verdicts import verdict_of
from evercert.issue.attempt import obtain
from evercert.issue.means import Means
from evercert.issue.placing import find_order
from evercert.issue.withdrawing import withdraw
from evercert.model.fact import CertificateFact, Issuance, Outage, Verdict
from evercert.store import accounts, health, issuances

__all__ = ["Withdrawing"]

# An order at Let's Encrypt lives for a week, and other CAs' not longer: after that there is nothing to take back.
_LIFE = timedelta(days=7)
_AGAIN = timedelta(hours=6)
# What the CA will say of it tomorrow, too. Whether it wants us to wait, or something of ours failed, it is tried again.
_FINAL = frozenset({Verdict.REFUSED, Verdict.FAILED})
# A certificate that is being made is there, or will not be, after this.
_MADE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Withdrawing:
    """Owned by the engine."""

    attempting: Attempting

    async def withdraw(self, db: Database, fact: CertificateFact) -> None:
        """Afterwards nothing pends at a CA of what was given up for the certificate, or it is tried again later. A
        certificate that was made in spite of it is kept beside the current one. No failure here is one of the
        certificate's."""
        now, outages = self.attempting.clock.now(), await health.outages(db)
        joint = Joint(db, fact, None)
        for issuance, since in await issuances.to_withdraw(db, fact.intent.name, now):
            again_at = now + _AGAIN if now - since < _LIFE else None
            try:
                again_at = await self._withdraw(joint, issuance, outages, again_at)
            except EvercertError as error:
                self.attempting.telling(f"an order that was given up could not be withdrawn: {error}")
                again_at = None if verdict_of(error) in _FINAL else again_at
            await issuances.withdrawn(db, issuance, again_at)

    async def _withdraw(
        self, joint: Joint, issuance: Issuance, outages: Mapping[str, Outage], again_at: datetime | None
    ) -> datetime | None:
        """When it is to be tried again, if it is."""
        account = await accounts.get(joint.db, issuance.account_id)
        if account is None:
            return None
        now, known = self.attempting.clock.now(), outages.get(account.ca)
        if not await is_turn(joint.db, known, now):
            return again_at
        try:
            registered = await self.attempting.accounts.registered(account.ca, account.name)
            ledger = self.attempting.ledger(joint, registered, issuance)
            means = await self.attempting.means(joint, registered, issuance, ledger)
            order = await _withdrawn(means, issuance)
        except EvercertError as error:
            await note(joint.db, account.ca, known, error, now)
            raise
        await note(joint.db, account.ca, known, None, now)
        if order is not None and order.status == "processing":
            return again_at and now + _MADE
        if order is not None and order.status == "valid":
            late = await obtain(means, issuance)
            self.attempting.telling(f"issued by {late.issuer}, too, serial {late.serial}: kept beside the other one")
        return None


async def _withdrawn(means: Means, issuance: Issuance) -> Order | None:
    """The order as it was withdrawn; None where there is none, as far as the CA says."""
    if issuance.order_url:
        return await withdraw(means.ca, issuance.order_url)
    # newOrder may have been answered when nobody listened any more.
    lost = await find_order(means, issuance)
    return await withdraw(means.ca, lost.url) if lost else None
