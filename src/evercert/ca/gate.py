"""What is asked of the world right before a signature: does every name's CAA let this CA issue it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evercert.ca.nouns import Account, Order
from evercert.ca.profiles.profile import Profile

__all__ = ["OpenGate"]


@dataclass(frozen=True, slots=True)
class OpenGate:
    """Keeps the contract of `issuing.issuance.Gate`; asks nothing."""

    async def check(self, order: Order, account: Account, methods: Mapping[str, str], profile: Profile) -> None:
        return
