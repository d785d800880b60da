"""The hand that lets go of a certificate which is declared no longer."""

from __future__ import annotations

from dataclasses import dataclass

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.engine.report import Telling
from evercert.engine.revoking import Revoking
from evercert.model.fact import CertificateFact
from evercert.model.task import Task
from evercert.model.terms import OnRemoval
from evercert.store import certificates, issued

__all__ = ["Leaving"]

# RFC 5280 §5.3.1: cessationOfOperation, "there is no cause to suspect that the private key has been compromised".
_CESSATION = 5


@dataclass(frozen=True, slots=True)
class Leaving:
    """Does `Step.LEAVE`."""

    revoke: Revoking
    clock: Clock
    telling: Telling

    async def __call__(self, db: Database, fact: CertificateFact, task: Task) -> bool:
        """Afterwards it is forgotten with its key, and all that was issued for it is revoked before that where it is to
        be; False, and it stays as it was, where a CA would not revoke it. What is installed stays."""
        self.telling(task.reason)
        try:
            if fact.leaving is OnRemoval.REVOKE:
                # Earlier ones as well: their keys may still be somewhere. What is over or was revoked is passed over.
                for certificate in await issued.history(db, fact.intent.name):
                    await self.revoke(db, certificate, fact.intent, _CESSATION)
            await certificates.delete(db, fact.intent.name, self.clock.now())
        except EvercertError as error:
            self.telling(f"could not be let go: {error}")
            return False
        return True
