"""The hand that takes away what attempts left behind: challenge answers, and orders that were given up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.engine.asking.withdrawing import Withdrawing
from evercert.engine.report import Telling
from evercert.engine.targets import Targets
from evercert.model.fact import CertificateFact, Presented
from evercert.model.intent import CertificateIntent
from evercert.model.task import Task
from evercert.plugins.contracts import ChallengeRoute
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
                await self._take_away(fact.intent, item, route)
            except EvercertError as error:
                self.telling(f"could not take {item.challenge_type} at {item.place} away: {error}")
                clean = False
            else:
                await presented.remove(db, [item])
        return clean

    async def _take_away(self, intent: CertificateIntent, item: Presented, route: ChallengeRoute | None) -> None:
        """As it was put there; a record whose provider does not let us do that, as the intent has it now: a key may
        have been wrong and put right since. Raises what the first way did if no way leads there."""
        try:
            return await self.solvers.for_item(item.solver, item.options, item.challenge_type, route).clean_up([item])
        except EvercertError:
            for options in _ways_now(intent, item):
                with suppress(EvercertError):
                    return await self.solvers.for_item(item.solver, options, item.challenge_type).clean_up([item])
            raise


def _ways_now(intent: CertificateIntent, item: Presented) -> Iterator[Mapping[str, str]]:
    """What the same provider is told now. A file or a listener of old settings is not reached by new ones."""
    for rule in intent.challenges if item.challenge_type.startswith("dns-") else ():
        if (rule.type, rule.solver) == (item.challenge_type, item.solver) and rule.options != item.options:
            yield rule.options
