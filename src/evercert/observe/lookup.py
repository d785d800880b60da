"""DNS as the checks need it; `net.dns.DnsResolver` keeps this contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evercert.base.errors import EvercertError
from evercert.observe.caa import CaaLookup

__all__ = ["Aliases", "Lookup", "follow_aliases"]

# Resolvers give up between eight and sixteen; CAs' resolvers are no more patient.
_MAX_ALIASES = 16


class Lookup(CaaLookup, Protocol):
    """Names are A-labels without a final dot. Every method raises `dns` where there is no usable
    answer; "there is none" is empty, never an error (as in `plugins.contracts.Resolver`)."""

    async def addresses(self, name: str) -> Sequence[str]: ...

    async def cname(self, name: str) -> str: ...

    async def txt(self, name: str) -> Sequence[str]: ...

    async def zone(self, name: str) -> str: ...

    async def secure(self, name: str) -> bool | None:
        """Whether a validating resolver vouched for the answer (RFC 4035 AD); None where it is bogus."""
        ...


@dataclass(frozen=True, slots=True)
class Aliases:
    """Where a name leads: itself, then each CNAME's target. `failure` is why it could not be followed."""

    names: tuple[str, ...]
    looped: bool = False
    failure: str = ""

    @property
    def target(self) -> str:
        return self.names[-1]

    def __str__(self) -> str:
        return " -> ".join(self.names)


async def follow_aliases(name: str, lookup: Lookup) -> Aliases:
    """Follows CNAMEs one by one, so that a loop or a long chain can be shown. Bounded."""
    names = [name]
    while len(names) <= _MAX_ALIASES:
        try:
            target = await lookup.cname(names[-1])
        except EvercertError as error:
            return Aliases(tuple(names), failure=error.message)
        if not target:
            return Aliases(tuple(names))
        names.append(target)
        if target in names[:-1]:
            return Aliases(tuple(names), looped=True)
    return Aliases(tuple(names), failure=f"more than {_MAX_ALIASES} aliases in a row")
