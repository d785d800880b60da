"""The hand that takes away what attempts left behind: challenge answers, and orders that were given up."""

from __future__ import annotations

from dataclasses import dataclass

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.engine.asking.withdrawing import Withdrawing
from evercert.engine.report import Telling
from evercert.engine.targets import Targets
from evercert.model.fact import CertificateFact
from evercert.model.task import Task
from evercert.solve.solvers import Solvers
from evercert.store import presented

__all__ = ["CleaningUp"]


@dataclass(frozen=True, slots=True)
class CleaningUp:
    """Does `Step.CLEAN_UP`."""

    solvers: Solvers
    targets: Targets
    withdrawing: Withdrawing
    telling: Telling

    async def __call__(self, db: Database, fact: CertificateFact, task: Task) -> bool:
        """Afterwards nothing is left of what could be taken away; False if some answer could not be. An order that
        its CA could not take back is tried again when the store says so."""
        await self.withdrawing.withdraw(db, fact)
        route, clean = self.targets.route(fact.intent), True
        for item in fact.leftovers:
            await db.write()  # of nothing: what stands outside is his who was given the certificate since
            try:
                solver = self.solvers.for_item(item.solver, item.options, item.challenge_type, route)
                await solver.clean_up([item])
            except EvercertError as error:
                self.telling(f"could not take {item.challenge_type} at {item.place} away: {error}")
                clean = False
            else:
                await presented.remove(db, [item])
        return clean
