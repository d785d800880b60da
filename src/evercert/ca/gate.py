"""What is asked of the world right before a signature: does every name's CAA let this CA issue it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evercert.ca.nouns import Account, Order
from evercert.ca.urls import Urls
from evercert.ca.validation.caa import CaaRules, ToIssue, check_caa
from evercert.ca.validation.network import Network

__all__ = ["CaaGate"]


@dataclass(frozen=True, slots=True)
class CaaGate:
    """Keeps the contract of `issuing.issuance.Gate`: every name, each time, however it was proved."""

    network: Network
    rules: CaaRules
    urls: Urls

    async def check(self, order: Order, account: Account, methods: Mapping[str, str]) -> None:
        wanted = [ToIssue(each, _method(str(each), methods)) for each in order.identifiers]
        await check_caa(wanted, self.urls.account(account.id), self.rules, self.network)


def _method(name: str, methods: Mapping[str, str]) -> str:
    """The challenge that proved the name, or the name above it that it was proved through (RFC 9444)."""
    proved = (name, *(above for above in methods if name.endswith(f".{above}")))
    return next((methods[each] for each in proved if each in methods), "")
