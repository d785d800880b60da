"""What an attempt works with, and what it writes down before it goes on (design law 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evercert.acme.client import AsyncClient
from evercert.acme.wire import Authorization, Challenge
from evercert.base.clock import Clock
from evercert.base.names import Identifier
from evercert.model.fact import Issuance, IssuedCertificate, Presented
from evercert.model.intent import CertificateIntent, ChallengeRule
from evercert.plugins.contracts import Solver

__all__ = ["Means", "Record", "Solving"]


class Record(Protocol):
    """The attempt's ledger. Each call is durable when it returns; a process that dies after it is
    followed by one that sees it. Kept by the engine, so that a stage never knows the store."""

    async def placing(self, issuance: Issuance) -> Issuance:
        """newOrder may be sent from now on."""
        ...

    async def replaces_dropped(self, issuance: Issuance) -> Issuance:
        """The next newOrder names no predecessor."""
        ...

    async def ordered(self, issuance: Issuance, url: str, *, adopted: bool) -> Issuance:
        """The order's URL is known; *adopted* if it was found at the CA rather than placed now."""
        ...

    async def known_orders(self, issuance: Issuance) -> frozenset[str]:
        """The URLs of all of the account's orders that some issuance of ours knows."""
        ...

    async def presenting(self, items: Sequence[Presented]) -> list[Presented]:
        """The items may be put where the CA looks from now on; returned with their ids."""
        ...

    async def noted(self, item: Presented) -> None:
        """An item's reference, for taking it away."""
        ...

    async def taking_away(self) -> None:
        """What was presented may be taken away from now on. Raises where somebody else has gone on with the attempt:
        what stands outside is his then."""
        ...

    async def taken_away(self, items: Sequence[Presented]) -> None:
        """Nothing is left of the items."""
        ...

    async def disproved(self, identifier: Identifier) -> None:
        """The CA could not validate the name."""
        ...

    async def issued(self, issuance: Issuance, chain: Sequence[bytes]) -> IssuedCertificate:
        """The certificate (DER, leaf first) is kept."""
        ...


class Solving(Protocol):
    """The challenges room, as an attempt needs it."""

    def response_to(
        self, challenge: Challenge, authorization: Authorization, rule: ChallengeRule, issuance: Issuance
    ) -> Presented:
        """What to put where, for the CA to find."""
        ...

    def solver_for(self, item: Presented) -> Solver:
        """The solver that presented the item, or shall; the same one for equal items."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """All that an attempt works with. `patience` is how long the whole of it may take, in seconds; `leftovers` are
    items that an earlier attempt recorded."""

    intent: CertificateIntent
    ca: AsyncClient
    spki: bytes
    solving: Solving
    record: Record
    clock: Clock
    patience: float
    leftovers: Sequence[Presented] = ()
