"""Have a CA revoke what it issued, by whoever may ask for it."""

from __future__ import annotations

from dataclasses import dataclass

from evercert.acme.problem import Problem, ProblemType
from evercert.base.clock import Clock
from evercert.db.protocol import Database
from evercert.engine.accounts import Accounts
from evercert.model.fact import IssuedCertificate
from evercert.model.intent import CertificateIntent
from evercert.pki.seal import Sealer
from evercert.store import issued, keys

__all__ = ["Revoking"]


@dataclass(frozen=True, slots=True)
class Revoking:
    """Owned by the engine."""

    accounts: Accounts
    sealer: Sealer
    clock: Clock

    async def __call__(
        self, db: Database, certificate: IssuedCertificate, intent: CertificateIntent, reason: int
    ) -> None:
        """Afterwards the CA has revoked it for that reason (RFC 5280 §5.3.1), and that is kept. May be repeated.

        The account that got it asks; where the CA does not take that, the certificate's own key, if it is here
        (RFC 8555 §7.6). Raises what the CA says otherwise.
        """
        if certificate.revoked_at is not None or certificate.not_after <= self.clock.now():
            return
        try:
            await self._asked(db, certificate, intent, reason)
        except Problem as problem:
            # Somebody was faster, or our last answer was lost: what is to be so is so.
            if problem.type is not ProblemType.ALREADY_REVOKED:
                raise
        await issued.revoked(db, certificate.id, reason, self.clock.now())

    async def _asked(
        self, db: Database, certificate: IssuedCertificate, intent: CertificateIntent, reason: int
    ) -> None:
        leaf, _ = await issued.body(db, certificate.id)
        registered = await self.accounts.that_issued(certificate, intent)
        try:
            await registered.client.revoke(leaf, reason)
        except Problem as problem:
            told = await self.accounts.judged(registered, problem)
            if problem.type is not ProblemType.UNAUTHORIZED or certificate.key_id is None:
                raise told from problem
            key = await keys.load(db, self.sealer, certificate.key_id)
            await registered.client.revoke(leaf, reason, key)
