"""The hand that gives up what was begun for a certificate which was stopped."""

from __future__ import annotations

from dataclasses import dataclass

from evercert.base.clock import Clock
from evercert.db.protocol import Database
from evercert.engine.report import Telling
from evercert.model.fact import CertificateFact
from evercert.model.task import Task
from evercert.store import issuances

__all__ = ["Abandoning"]


@dataclass(frozen=True, slots=True)
class Abandoning:
    """Does `Step.ABANDON`."""

    clock: Clock
    telling: Telling

    async def __call__(self, db: Database, fact: CertificateFact, task: Task) -> bool:
        """Afterwards no issuance of the certificate is open. Its orders are withdrawn at their CA, and its challenge
        answers taken away, by the clean-up that the planner asks for next."""
        for issuance in filter(None, (fact.open_issuance, fact.rival)):
            self.telling(f"giving up {issuance.order_url or 'what was begun'}: {task.reason}")
            await issuances.abandon(db, issuance, task.reason, now=self.clock.now())
        return True
