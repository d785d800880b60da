"""The hand that asks a CA when to renew (RFC 9773)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from evercert.acme.ari import moment_within, usual_poll
from evercert.acme.client import AsyncClient
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.engine.accounts import Accounts
from evercert.engine.answering import is_turn, note
from evercert.engine.report import Telling
from evercert.model.fact import CertificateFact, IssuedCertificate, Renewal
from evercert.model.task import Task
from evercert.store import health, renewals

__all__ = ["RenewalInfo"]

# Let's Encrypt asks for a look every six hours; a mass revocation is noticed within that time.
_USUAL = timedelta(hours=6)
# A CA without the extension may get it; a look a day costs nothing.
_UNSUPPORTED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RenewalInfo:
    """Does `Step.POLL_RENEWAL_INFO`."""

    accounts: Accounts
    clock: Clock
    rng: Random
    telling: Telling

    async def __call__(self, db: Database, fact: CertificateFact, task: Task) -> bool:
        """Afterwards the window and the time of the next poll are kept. No failure here stops a renewal:
        the fraction of life that the policy names is the backstop (RFC 9773 §4.3)."""
        if fact.current is None:
            return False
        ca, account = await self.accounts.issuer_of(fact.current, fact.intent)
        now, known = self.clock.now(), (await health.outages(db)).get(ca)
        if not await is_turn(db, known, now):
            await renewals.ari_poll(db, fact.intent.name, now + _soon(fact.current))
            return True
        failure: EvercertError | None = None
        try:
            await self._poll(db, fact, fact.current, (await self.accounts.registered(ca, account)).client)
        except EvercertError as error:
            failure = error
            self.telling(f"the CA could not say when to renew: {error}")
            await renewals.ari_poll(db, fact.intent.name, self.clock.now() + _soon(fact.current))
        await note(db, ca, known, failure, self.clock.now())
        return True

    async def _poll(self, db: Database, fact: CertificateFact, current: IssuedCertificate, client: AsyncClient) -> None:
        now = self.clock.now()
        if not (await client.directory()).renewal_info:
            await renewals.ari_poll(db, fact.intent.name, now + _UNSUPPORTED)
            return
        info = await client.renewal_info(current.ari_id)
        renewal = Renewal(
            window_start=info.window_start,
            window_end=info.window_end,
            moment=moment_within(info.window_start, info.window_end, self.rng),
            poll_at=now + min(info.retry_after or _USUAL, _soon(current)),
            explanation_url=info.explanation_url,
        )
        await renewals.put(db, current.id, renewal, now)
        if info.explanation_url:
            self.telling(f"the CA explains its renewal window at {info.explanation_url}")


def _soon(current: IssuedCertificate) -> timedelta:
    return usual_poll(current.lifetime)
