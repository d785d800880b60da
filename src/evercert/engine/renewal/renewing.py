"""The hand that asks a CA when to renew (RFC 9773)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import msgspec

from evercert.acme.ari import moment_within, usual_poll
from evercert.acme.client import AsyncClient
from evercert.acme.wire import RenewalInfo as RenewalInfoTold
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError, as_failure
from evercert.db.protocol import Database
from evercert.engine.accounts import Accounts
from evercert.engine.asking.answering import is_due, note_poll
from evercert.engine.installing import in_service
from evercert.engine.report import Telling
from evercert.model.fact import CertificateFact, IssuedCertificate, Renewal
from evercert.model.task import Task
from evercert.store import health, renewals

__all__ = ["AHEAD", "UNSUPPORTED", "Answer", "RenewalInfo", "next_poll", "renewal_of"]

# A CA without the extension may get it; a look a day costs nothing.
UNSUPPORTED = timedelta(days=1)

# Polls are asked for together with those that are due so soon (`polling`), and never before the CA said.
AHEAD = timedelta(seconds=15)
_LEAST = timedelta(minutes=1)
# What no CA has failed: the store, and that somebody else has the certificate by now.
_NO_CAS = frozenset({"store", "conflict"})
_DRIFT = 1 / 8


@dataclass(frozen=True, slots=True)
class Answer:
    """When to ask again, and what the CA said if it said something."""

    poll_at: datetime
    renewal: Renewal | None = None
    failure: EvercertError | None = None


@dataclass(frozen=True, slots=True)
class RenewalInfo:
    """Does `Step.POLL_RENEWAL_INFO`."""

    accounts: Accounts
    clock: Clock
    rng: Random
    telling: Telling

    async def __call__(self, db: Database, fact: CertificateFact, task: Task) -> bool:
        """Afterwards the window and the time of the next poll are kept, also of what serves on while the current one
        waits to be installed; where the store fails, that is raised. No other failure stops a renewal, or is an outage
        of the CA: the fraction of life that the policy names is the backstop (RFC 9773 §4.3)."""
        if fact.current is None:
            return False
        older = [each for each, _ in await renewals.latest(db, in_service(fact, self.clock.now())) if each.ari_id]
        asked = [*older, fact.current]
        answers = [await self._answer(db, fact, each) for each in asked]
        await self._keep(db, fact, asked, answers)
        return True

    async def _keep(
        self, db: Database, fact: CertificateFact, asked: Sequence[IssuedCertificate], answers: Sequence[Answer]
    ) -> None:
        again = min(each.poll_at for each in answers)
        for certificate, answer in zip(asked, answers, strict=True):
            if answer.renewal:
                renewal = msgspec.structs.replace(answer.renewal, poll_at=again)
                await renewals.put(db, certificate.id, renewal, self.clock.now())
        if not answers[-1].renewal:
            await renewals.ari_poll(db, fact.intent.name, again)

    async def _answer(self, db: Database, fact: CertificateFact, certificate: IssuedCertificate) -> Answer:
        ca, account = await self.accounts.issuer_of(certificate, fact.intent)
        now, known = self.clock.now(), (await health.outages(db)).get(ca)
        if not is_due(known, now):
            return Answer(next_poll(certificate, now, self.rng))
        try:
            answer = await self._asked(certificate, (await self.accounts.registered(ca, account)).client)
        except Exception as error:  # whatever it is
            if isinstance(error, EvercertError) and error.code.name in _NO_CAS:
                raise
            self.telling(f"the CA could not say when to renew: {as_failure(error)}")
            return Answer(next_poll(certificate, self.clock.now(), self.rng))
        await note_poll(db, known, self.clock.now())
        return answer

    async def _asked(self, certificate: IssuedCertificate, client: AsyncClient) -> Answer:
        now = self.clock.now()
        if not (await client.directory()).renewal_info:
            return Answer(next_poll(certificate, now, self.rng, UNSUPPORTED))
        renewal = renewal_of(await client.renewal_info(certificate.ari_id), certificate, now, self.rng)
        if renewal.explanation_url:
            self.telling(f"the CA explains its renewal window at {renewal.explanation_url}")
        return Answer(renewal.poll_at, renewal)


def renewal_of(info: RenewalInfoTold, current: IssuedCertificate, now: datetime, rng: Random) -> Renewal:
    """What the CA told, with a moment drawn inside its window and the time of the next poll."""
    return Renewal(
        window_start=info.window_start,
        window_end=info.window_end,
        moment=moment_within(info.window_start, info.window_end, rng),
        poll_at=next_poll(current, now, rng, info.retry_after),
        explanation_url=info.explanation_url,
    )


def next_poll(current: IssuedCertificate, now: datetime, rng: Random, told: timedelta | None = None) -> datetime:
    """When to ask again: after what the CA *told* (between a minute and a day: `acme` sees to it, RFC 9773 §4.3.2), or
    six hours; a little later, so that what is asked together drifts apart; sooner where that is much of the life."""
    interval = min(told, current.lifetime / 20) if told else usual_poll(current.lifetime)
    ahead = AHEAD if interval >= _LEAST else timedelta()
    return now + interval * (1 + rng.random() * _DRIFT) + ahead
