"""What every resource works with: one value, made once by the wiring."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from evercert.acme.problem import Problem, ProblemType
from evercert.base.clock import Clock
from evercert.ca.issuing.issuers import Issuers
from evercert.ca.limits import Limits
from evercert.ca.meters import NO_METERS, Meters
from evercert.ca.nouns import Account, Authorization, Order
from evercert.ca.pace import Pace
from evercert.ca.profiles.profile import Profile
from evercert.ca.protocol.nonces import Nonces
from evercert.ca.protocol.verify import Verifier
from evercert.ca.revoking import Revoking
from evercert.ca.rules import Rules
from evercert.ca.urls import Urls
from evercert.db.protocol import Database
from evercert.pki.seal import Sealer

__all__ = ["Desk", "Issuing", "Validating"]


class Validating(Protocol):
    """Looks at what the world shows, off the path of the request."""

    def begin(self, authorization: Authorization) -> asyncio.Future[None]:
        """Returns at once; what comes of the attempt is written to the store, and then the future is done. To cancel it
        ends the waiting, and not the attempt."""
        ...


class Issuing(Protocol):
    """Signs what an order asks for."""

    async def finalize(self, order: Order, account: Account, csr: bytes) -> Order:
        """The order with its certificate, or `processing` where that takes longer than a client should wait. *account*
        is whose order it is, as the request for it was verified.

        Raises `Problem` where the request is not one for this order, and then the order is as it was."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """Owned by one node."""

    db: Database
    clock: Clock
    rng: Random
    urls: Urls
    rules: Rules
    profiles: Mapping[str, Profile]
    limits: Limits
    nonces: Nonces
    verifier: Verifier
    sealer: Sealer
    validating: Validating
    issuing: Issuing
    issuers: Issuers
    revoking: Revoking
    meters: Meters = NO_METERS
    pace: Pace = field(default_factory=Pace)

    def profile(self, name: str) -> Profile:
        """The profile of that name, or the default one for "". Raises `invalidProfile`."""
        found = self.profiles.get(name or self.rules.default_profile)
        if found is None:
            offered = ", ".join(sorted(self.profiles))
            raise Problem(ProblemType.INVALID_PROFILE, f"there is no such profile; offered: {offered}")
        return found
