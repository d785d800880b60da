"""How the certificates of a kind order of one CA: how often, and which of its limits count it."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evercert.acme.cas import Limit, LimitScope
from evercert.base.names import Identifier
from evercert.engine.forecast.fleet import CaRules, Kind
from evercert.engine.limits.budget import draws
from evercert.engine.renewal.spread import TOGETHER
from evercert.model.intent import CertificateIntent

__all__ = ["Load", "Table", "Way", "counted_by"]

_NAME = Identifier("dns", "www.example.com")


@dataclass(frozen=True, slots=True)
class Way:
    """What is the same for all certificates of a kind. `before` and `after` are the seconds from one order to the next,
    before and after the change; `first` and `renewal` the limits that such an order draws on. `others` are the ways of
    the further CAs; where there are several CAs it may be `roaming`, and each order a first one."""

    kind: Kind
    rules: CaRules
    moved: bool
    before: int
    after: int
    weight: float
    first: frozenset[LimitScope]
    renewal: frozenset[LimitScope]
    others: tuple[Way, ...] = ()
    roaming: bool = False

    def is_first(self, ends: int, start: int) -> bool:
        return self.moved or ends <= start

    def scopes(self, ends: int, start: int) -> frozenset[LimitScope]:
        return self.first if self.roaming or self.is_first(ends, start) else self.renewal

    def at_once(self, scope: LimitScope) -> float:
        """Of how many orders the first comes whenever it likes; of one that is spread, a part of the second too."""
        again = self.roaming or (scope in self.renewal and not self.kind.ari)
        return self.weight * (1 + TOGETHER) if again else self.weight

    def rate(self, scope: LimitScope) -> float:
        """Orders a second that follow."""
        return self.weight / self.after if self.roaming or scope in self.renewal else 0.0

    def issuer(self, ends: int, start: int) -> int:
        """The place of the CA that issued what there is, among all of them; behind the last if there is none."""
        if ends > start and (self.kind.issued_by or not self.moved):
            return self.kind.issued_by
        return 1 + len(self.others)


@dataclass(frozen=True, slots=True)
class Table:
    """The buckets that an order draws on: those that all orders of a way share, and those by the numbers of a
    certificate's domains and of its exact set."""

    shared: tuple[int, ...]
    domains: Mapping[object, int]
    sets: Mapping[object, int]


class Load:
    """How much is drawn on each subject of one CA's limit: certificates that do, and orders a second again."""

    def __init__(self, subjects: int) -> None:
        self.count = array("d", bytes(8 * subjects))
        self.rate = array("d", bytes(8 * subjects))

    def add(self, subject: int, way: Way, scope: LimitScope) -> None:
        self.count[subject] += way.at_once(scope)
        self.rate[subject] += way.rate(scope)


def counted_by(limits: Sequence[Limit], *, renewal: bool = False, ari: bool = False) -> frozenset[LimitScope]:
    """By what an order is counted where these are the limits."""
    sample = CertificateIntent("", (_NAME,), "")
    return frozenset(draw.scope for draw in draws(sample, limits, renewal=renewal, ari=ari) if draw.limit and draw.cost)
