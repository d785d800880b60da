"""The fleet as the forecast reckons with it: a few columns, one number for each certificate in each.

A certificate is no object here: a million of them must fit beside the rest of a small server's work.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from evercert.acme.cas import Limit
from evercert.model.terms import Criticality, Freeze, Window

__all__ = ["CaRules", "Fleet", "Kind", "OtherCa"]

Seconds = int


@dataclass(frozen=True, slots=True)
class CaRules:
    """What a forecast must know of a CA: the name that users know it by, what it allows, whether it suggests when to
    renew (then a renewal may name its predecessor), how long a certificate lives if nothing else is known."""

    name: str
    directory: str
    limits: tuple[Limit, ...] = ()
    ari: bool = False
    life: Seconds = 90 * 86_400


@dataclass(frozen=True, slots=True)
class OtherCa:
    """A CA that is asked where those before it have no room, and by which account; `ari` as with a kind."""

    ca: str
    account: str
    ari: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """What many certificates have in common. `life` and `lead` are seconds: how long one lives, and how long before its
    end the next one is asked for. `ari`: its CA suggests when. `chosen`: the question is about it; the others only draw
    on the same limits. `foreign`: what there is of it was issued by another CA, or to another account, so that its next
    order is a first one. `urgent`: its next order is, whatever is left of its life. `further` are the other CAs that
    may be asked, in their order; which of them issued what there is says `issued_by`: 1 the first of them, 0 none."""

    ca: str
    account: str
    life: Seconds
    lead: Seconds
    ari: bool
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    chosen: bool = True
    foreign: bool = False
    profile: str = ""
    criticality: Criticality = Criticality.NORMAL
    urgent: bool = False
    further: tuple[OtherCa, ...] = ()
    issued_by: int = 0


@dataclass(slots=True)
class Fleet:
    """Columns of equal length. Moments are seconds since 1970; `ends` is zero where there is no certificate yet."""

    start: Seconds
    kinds: list[Kind] = field(default_factory=list)
    numbers: dict[Kind, int] = field(default_factory=dict)
    # The registered domains that any certificate counts under, each once; and those of certificates with several.
    domains: dict[str, int] = field(default_factory=dict)
    several: dict[tuple[int, ...], int] = field(default_factory=dict)
    kind: array[int] = field(default_factory=lambda: array("I"))
    due: array[int] = field(default_factory=lambda: array("q"))
    ends: array[int] = field(default_factory=lambda: array("q"))
    # A domain's number, or below zero that of several.
    domain: array[int] = field(default_factory=lambda: array("i"))
    # Stands for exactly these names.
    names: array[int] = field(default_factory=lambda: array("q"))
    # Over all that were chosen: names, and those of them that are proved by a record in DNS.
    identifiers: int = 0
    dns_identifiers: int = 0
    # Chosen ones for which nothing is done, so that they are not here.
    stopped: int = 0
    # Chosen ones for which other CAs are asked, too, where the first one cannot be.
    failing_over: int = 0

    def __len__(self) -> int:
        return len(self.due)

    def add(
        self,
        kind: Kind,
        due: Seconds,
        ends: Seconds,
        domains: Iterable[str],
        names: int,
        *,
        dns: int = 0,
        size: int = 1,
    ) -> None:
        """One certificate more: of *size* names, *dns* of which are proved by a record in DNS."""
        self.kind.append(self._number(kind))
        self.due.append(due)
        self.ends.append(ends)
        numbers = sorted({self.domains.setdefault(domain, len(self.domains)) for domain in domains})
        self.domain.append(numbers[0] if len(numbers) == 1 else self._several(tuple(numbers)))
        self.names.append(names)
        if kind.chosen:
            self.identifiers += size
            self.dns_identifiers += dns

    def _number(self, kind: Kind) -> int:
        if kind not in self.numbers:
            self.numbers[kind] = len(self.kinds)
            self.kinds.append(kind)
        return self.numbers[kind]

    def _several(self, numbers: tuple[int, ...]) -> int:
        return -1 - self.several.setdefault(numbers, len(self.several))
