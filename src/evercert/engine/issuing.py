"""The hand that issues: begins or goes on with an issuance, and keeps what came of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from evercert.acme.problem import Problem, ProblemType
from evercert.base.backoff import retry_delay
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.engine.accounts import Accounts, Registered
from evercert.engine.challenges import Challenges
from evercert.engine.holding import Held, hold
from evercert.engine.ledger import Ledger
from evercert.engine.report import Telling
from evercert.issue.attempt import OrderLost, OrderStale, obtain
from evercert.issue.means import Means
from evercert.model.fact import CertificateFact, Failure, Issuance
from evercert.model.task import Task
from evercert.pki.csr import build_csr, spki_of
from evercert.pki.keys import KeyType, PrivateKey, generate
from evercert.pki.seal import Sealer
from evercert.store import certificates, issuances, keys

__all__ = ["Issuing"]


@dataclass(frozen=True, slots=True)
class Issuing:
    """Does `Step.ISSUE`."""

    sealer: Sealer
    accounts: Accounts
    challenges: Challenges
    clock: Clock
    rng: Random
    telling: Telling

    async def __call__(self, db: Database, fact: CertificateFact, task: Task) -> bool:
        """Afterwards there is a certificate, or a failure with the time of the next attempt."""
        self.telling(f"issuing: {task.reason}")
        try:
            registered = await self.accounts.registered(fact.intent.ca, fact.intent.account)
            issuance = fact.open_issuance or await self._begin(db, fact, registered)
            await self._attempt_or_give_up(db, fact, registered, issuance)
        except Held as held:
            await hold(db, fact, held)
            self.telling(f"{held.limit}; it goes on at {held.until:%Y-%m-%d %H:%M} UTC")
        except EvercertError as error:
            await self._failed(db, fact, error.about(ca=fact.intent.ca))
        return True

    async def _attempt_or_give_up(
        self, db: Database, fact: CertificateFact, registered: Registered, issuance: Issuance
    ) -> None:
        """The attempt; where it can never succeed, the issuance is closed, and the next one begins another."""
        try:
            await self._attempt(db, fact, registered, issuance)
        except OrderLost as lost:
            await issuances.abandon(db, issuance, str(lost), now=self.clock.now())
            if not isinstance(lost, OrderStale):
                raise
            self.telling(f"{lost}; beginning another")
        except Problem as problem:
            if problem.type is ProblemType.ACCOUNT_DOES_NOT_EXIST:
                await issuances.abandon(db, issuance, str(problem), now=self.clock.now())
                await self.accounts.give_up(registered)
            raise

    async def _attempt(self, db: Database, fact: CertificateFact, registered: Registered, issuance: Issuance) -> None:
        ledger = Ledger(db, self.clock, fact, registered.account)
        means = Means(
            intent=fact.intent,
            ca=registered.client,
            spki=spki_of(issuance.csr),
            solving=await self.challenges.solving(fact.intent, registered),
            record=ledger,
            clock=self.clock,
            leftovers=fact.leftovers,
        )
        async with ledger.learning():
            issued = await obtain(means, issuance)
        self.telling(f"issued by {issued.issuer}, serial {issued.serial}, until {issued.not_after:%Y-%m-%d %H:%M} UTC")

    async def _begin(self, db: Database, fact: CertificateFact, registered: Registered) -> Issuance:
        """Afterwards key and request are durable; they are the same however often this issuance is gone on with."""
        key_id, csr = await self._request(db, fact)
        return await issuances.begin(
            db,
            fact.intent.name,
            registered.account.id,
            key_id,
            csr,
            replaces=await self._replaces(db, fact, registered),
            profile=fact.intent.profile,
            intent=fact.intent,
            cause=fact.cause,
            now=self.clock.now(),
        )

    async def _request(self, db: Database, fact: CertificateFact) -> tuple[int | None, bytes]:
        """The key's number in the store (none if the request came from outside) and the CSR."""
        intent = fact.intent
        if intent.csr:
            return None, intent.csr
        kept = await self._key_to_keep(db, fact)
        key = kept or await _new_key(intent.key_type)
        key_id = await keys.add(db, self.sealer, key, "certificate", self.clock.now())
        return key_id, build_csr(key, intent.identifiers, intent.must_staple)

    async def _key_to_keep(self, db: Database, fact: CertificateFact) -> PrivateKey | None:
        """The current key, where the intent wants it kept: never one whose certificate was revoked or is
        part of an incident, because that may be why."""
        current = fact.current
        if not fact.intent.reuse_key or current is None or current.key_id is None:
            return None
        if current.revoked_at is not None or fact.incident_id is not None:
            return None
        key = await keys.load(db, self.sealer, current.key_id)
        return key if key.type is fact.intent.key_type else None

    async def _replaces(self, db: Database, fact: CertificateFact, registered: Registered) -> str:
        """The predecessor to name (RFC 9773 §5): the current certificate, if this account's order made it."""
        if fact.current is None or fact.current.issuance_id is None:
            return ""
        before = await issuances.get(db, fact.current.issuance_id)
        return fact.current.ari_id if before and before.account_id == registered.account.id else ""

    async def _failed(self, db: Database, fact: CertificateFact, error: EvercertError) -> None:
        now = self.clock.now()
        left, life = (fact.current.not_after - now, fact.current.lifetime) if fact.current else (None, None)
        failures = fact.failures + 1
        delay = retry_delay(failures, left=left, life=life, rng=self.rng)
        retry_at = now + max(error.after or timedelta(), delay)
        failure = Failure(error.code.name, str(error), now, error.hint)
        await certificates.failed(db, fact.intent.name, failure, failures, retry_at)
        self.telling(f"failed: {error.message}; next attempt at {retry_at:%Y-%m-%d %H:%M} UTC")


async def _new_key(key_type: KeyType) -> PrivateKey:
    # An RSA key takes a tenth of a second or more, and releases the interpreter meanwhile.
    if key_type.value.startswith("rsa"):
        return await asyncio.to_thread(generate, key_type)
    return generate(key_type)
