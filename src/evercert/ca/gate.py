"""What is asked of the world right before a signature: does every name's CAA let this CA issue it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from evercert.ca.nouns import Account, Order
from evercert.ca.profiles.profile import Profile
from evercert.ca.urls import Urls
from evercert.ca.validation.caa import CaaMode, CaaRules, ToIssue, check_caa
from evercert.ca.validation.network import Network
from evercert.ca.validation.perspectives import Perspectives, nobody_else

__all__ = ["CaaGate"]


@dataclass(frozen=True, slots=True)
class CaaGate:
    """Keeps the contract of `issuing.issuance.Gate`: every name, each time, however it was proved."""

    network: Network
    rules: CaaRules
    urls: Urls
    perspectives: Perspectives = field(default_factory=nobody_else)

    async def check(self, order: Order, account: Account, methods: Mapping[str, str], profile: Profile) -> None:
        names = (each for each in order.identifiers if each.type == "dns")
        wanted = [ToIssue(each, _method(str(each), methods)) for each in names]
        account_url = self.urls.account(account.id)
        rules = replace(self.rules, mode=CaaMode(profile.caa)) if profile.caa else self.rules
        await check_caa(wanted, account_url, rules, self.network)
        if rules.mode is not CaaMode.OFF:
            await self.perspectives.confirm_caa(wanted, account_url, rules)


def _method(name: str, methods: Mapping[str, str]) -> str:
    """The challenge that proved the name, or the name above it that it was proved through (RFC 9444)."""
    proved = (name, *(above for above in methods if name.endswith(f".{above}")))
    return next((methods[each] for each in proved if each in methods), "")
