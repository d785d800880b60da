"""Before a hand begins, the secrets that programs say are had, so that no other certificate waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evercert.config.secrets import Secrets
from evercert.db.protocol import Database
from evercert.engine.work import Hand
from evercert.model.fact import CertificateFact
from evercert.model.task import Task

__all__ = ["Readied"]


@dataclass(frozen=True, slots=True)
class Readied:
    """A hand that does what *hand* does."""

    hand: Hand
    secrets: Secrets

    async def __call__(self, db: Database, fact: CertificateFact, task: Task) -> bool:
        await self.secrets.ready(_options(fact))
        return await self.hand(db, fact, task)


def _options(fact: CertificateFact) -> Iterator[str]:
    rules, targets, leftovers = fact.intent.challenges, fact.intent.targets, fact.leftovers
    for options in (*(each.options for each in rules), *(each.options for each in targets)):
        yield from options.values()
    for item in leftovers:
        yield from item.options.values()
