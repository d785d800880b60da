"""The parts of a node that tell the status of certificates, made once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from evercert.base.clock import Clock
from evercert.base.serving import Application
from evercert.ca.issuing.issuers import Issuers
from evercert.ca.node.upkeep import Duty
from evercert.ca.status.lists import ListApplication
from evercert.ca.status.making import DEBOUNCE, ListMaker
from evercert.ca.status.ocsp import OcspApplication
from evercert.ca.status.presigning import Presigner
from evercert.ca.status.responders import Responders
from evercert.ca.status.rules import StatusRules
from evercert.db.protocol import Database, Wakeup

__all__ = ["StatusParts", "status_parts"]

# A node that was away for long, with a long list to make, answers everything else meanwhile.
_READY: Final = 0.5


@dataclass(frozen=True, slots=True)
class StatusParts:
    """`applications` by the first segment of their paths. Lists are made and answers signed as the duties are done."""

    maker: ListMaker
    presigner: Presigner | None
    applications: Mapping[str, Application]

    def duties(self, news: Wakeup) -> Mapping[str, tuple[float, Duty]]:
        """As `upkeep` takes them. *news* is of the channel `revoking.REVOKED`."""
        duties: dict[str, tuple[float, Duty]] = {
            "making lists of what is revoked": (DEBOUNCE, partial(self.maker.tend, news))
        }
        if self.presigner:
            pause = self.presigner.rules.ocsp_life / 8
            duties["signing OCSP answers ahead"] = (pause.total_seconds(), self.presigner.round)
        return duties

    async def ready(self) -> None:
        """Returns once there are lists to serve, or it takes long to make them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_READY):
                await self.maker.looked.wait()


def status_parts(
    db: Database, clock: Clock, rng: Random, issuers: Issuers, rules: StatusRules, base: str
) -> StatusParts:
    """*base* is the URL over plain http that certificates point to; may be empty."""
    responders = Responders(db, clock, rng, rules)
    applications: dict[str, Application] = {"crl": ListApplication(db, clock)}
    if rules.ocsp:
        applications["ocsp"] = OcspApplication(db, clock, issuers, responders, rules)
    presigner = Presigner(db, clock, rng, issuers, responders, rules) if rules.ocsp and rules.presign else None
    return StatusParts(ListMaker(db, clock, rng, issuers, rules, base), presigner, applications)
