"""One CA asked for one certificate: an account there, leave to ask it, an issuance, the attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError, as_failure
from evercert.base.names import Identifier
from evercert.db.protocol import Database
from evercert.engine.accounts import Accounts, Registered
from evercert.engine.asking.challenges import Challenges
from evercert.engine.asking.ledger import Ledger
from evercert.engine.asking.lineup import Entrant
from evercert.engine.asking.ordering import LeavingOut, for_names, ordered
from evercert.engine.asking.permission import Permission
from evercert.engine.asking.requesting import Requesting
from evercert.engine.merging import asked
from evercert.engine.report import Telling
from evercert.issue.attempt import OrderLost, OrderStale, obtain
from evercert.issue.means import Means
from evercert.model.fact import CertificateFact, Issuance, IssuedCertificate, Presented
from evercert.pki.csr import spki_of
from evercert.plugins.contracts import ChallengeRoute
from evercert.store import issuances

__all__ = ["Attempting", "Joint"]

# The whole of an attempt has a day: for a fleet, the changes at a DNS provider that takes a few in a minute need hours,
# and so may a person who adds records by hand. But no more than an eighth of the life of what it replaces, so that
# others follow before its end; nor less than an hour, for each wait for the CA may take ten minutes (issue/attempt.py).
_LONGEST, _SHARE, _LEAST = timedelta(days=1), 1 / 8, timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Joint:
    """What all attempts that are made for one certificate at the same time have in common."""

    db: Database
    fact: CertificateFact
    route: ChallengeRoute | None
    one_wins: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Attempting:
    """Owned by the engine."""

    accounts: Accounts
    requesting: Requesting
    permission: Permission
    challenges: Challenges
    leaving_out: LeavingOut
    clock: Clock
    telling: Telling
    longest: timedelta = _LONGEST

    async def obtain(self, joint: Joint, entrant: Entrant) -> IssuedCertificate:
        """Afterwards the certificate is durable. May be called again after any failure, or after being cancelled;
        an order that can never yield a certificate is given up, and another one is placed the next time, or at once
        if it had been lost before. Raises `EvercertError`, whatever a stranger's plugin does: it is no reason to stop
        asking another CA, and is kept and told as any other failure."""
        try:
            return await self._obtained(joint, entrant)
        except EvercertError:
            raise
        except Exception as error:
            raise as_failure(error) from error

    async def _obtained(self, joint: Joint, entrant: Entrant) -> IssuedCertificate:
        registered = await self.accounts.registered(entrant.ca.directory, entrant.ca.account)
        if entrant.issuance is not None:
            try:
                return await self._attempt(joint, entrant, registered, entrant.issuance)
            except OrderStale as stale:
                self.telling(f"{stale}; beginning another")
        names = asked(joint.fact, self.clock.now())
        await self._permitted(joint, names, registered)
        issuance = await self.requesting.begin(joint.db, joint.fact, names, registered, rival=entrant.rival)
        return await self._attempt(joint, entrant, registered, issuance)

    async def _permitted(self, joint: Joint, names: Sequence[Identifier], registered: Registered) -> None:
        fact = for_names(joint.fact, names)
        try:
            await self.permission.check(registered, fact.intent)
        except EvercertError as error:
            raise await self.leaving_out.judged(joint.db, fact, None, error, self.clock.now()) from error

    def ledger(self, joint: Joint, registered: Registered, issuance: Issuance) -> Ledger:
        return Ledger(joint.db, self.clock, ordered(joint.fact, issuance), registered.account, joint.one_wins)

    async def means(
        self,
        joint: Joint,
        registered: Registered,
        issuance: Issuance,
        ledger: Ledger,
        leftovers: Sequence[Presented] = (),
    ) -> Means:
        account = registered.account
        return Means(
            intent=msgspec.structs.replace(ordered(joint.fact, issuance).intent, ca=account.ca, account=account.name),
            ca=registered.client,
            spki=spki_of(issuance.csr),
            solving=await self.challenges.solving(registered, joint.route),
            record=ledger,
            clock=self.clock,
            patience=self._patience(joint.fact).total_seconds(),
            leftovers=leftovers,
        )

    def _patience(self, fact: CertificateFact) -> timedelta:
        share = fact.current.lifetime * _SHARE if fact.current else self.longest
        return min(max(share, _LEAST), self.longest)

    async def _attempt(
        self, joint: Joint, entrant: Entrant, registered: Registered, issuance: Issuance
    ) -> IssuedCertificate:
        ledger = self.ledger(joint, registered, issuance)
        means = await self.means(joint, registered, issuance, ledger, entrant.leftovers)
        try:
            async with ledger.learning():
                return await obtain(means, issuance)
        except OrderStale as stale:
            await self._give_up(joint, issuance, str(stale), lost=bool(issuance.order_url))
            raise
        except EvercertError as error:
            told = await self._ended(joint, registered, issuance, error)
            fact = ordered(joint.fact, issuance)
            raise await self.leaving_out.judged(joint.db, fact, issuance, told, self.clock.now()) from error

    async def _ended(
        self, joint: Joint, registered: Registered, issuance: Issuance, error: EvercertError
    ) -> EvercertError:
        """Afterwards the issuance is given up if nothing can come of it any more; what to tell."""
        told = await self.accounts.judged(registered, error)
        if isinstance(error, OrderLost) or told is not error:
            await self._give_up(joint, issuance, str(told))
        return told

    async def _give_up(self, joint: Joint, issuance: Issuance, reason: str, *, lost: bool = True) -> None:
        await issuances.abandon(joint.db, issuance, reason, now=self.clock.now(), lost=lost)
