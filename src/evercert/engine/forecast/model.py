"""What can be reckoned: cohorts of certificates whose arithmetic is the same, and the limits that they may meet.

A limit that cannot be met is no bucket here, so that a million certificates of as many domains are a few cohorts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from evercert.acme.cas import Limit
from evercert.engine.forecast.fleet import CaRules
from evercert.engine.limits.budget import interval
from evercert.model.terms import Terms

__all__ = ["FREE", "NEVER", "Books", "Bucket", "Cohort", "Model", "Steps"]

# The end of what does not end: a first certificate cannot lapse.
NEVER = 1 << 60
FREE = -1

# What is already drawn, as the ledger keeps it: the CA's directory, the scope's word and the subject (of an exact set
# its number in the fleet) -> microseconds.
Books = Mapping[tuple[str, str, str | int], int]


@dataclass(frozen=True, slots=True)
class Steps:
    """Time in steps of `size` seconds from `start`; whatever is due within one is done at its end, so that nothing is
    reckoned earlier than it is."""

    start: int
    size: int
    count: int

    def due(self, moment: int) -> int:
        return max(0, -(-(moment - self.start) // self.size))

    def end(self, moment: int) -> int:
        """The last step at which what ends then is still valid."""
        return (moment - self.start) // self.size

    def before_end(self, span: int) -> int:
        """How many steps before the last at which it is valid there is *span* left for certain."""
        return max(0, (span + 1) // self.size - 1)

    def moment(self, step: int) -> int:
        return self.start + step * self.size


@dataclass(frozen=True, slots=True)
class Bucket:
    """One limit of one CA, for one subject. `sample` is the place in the fleet of one certificate that draws on it.
    A certificate draws `cost` tokens on average, with the attempts that fail before it is issued."""

    ca: CaRules
    limit: Limit
    subject: str
    tat: int = 0
    sample: int = -1
    cost: float = 1.0

    def span(self, limit: Limit) -> int:
        """In how many microseconds that comes back which one certificate draws, where that were the limit."""
        return ceil(interval(limit) * self.cost)


@dataclass(frozen=True, slots=True)
class Cohort:
    """What an order of such a certificate draws on, and when (in steps) the certificate that comes of it is renewed and
    ends; it then belongs to the cohort `then`. Those that draw on one account's limit are in one `lane`, the others in
    `FREE`. `terms` are its windows and freezes, if it has any. What is issued together is renewed within `spread`
    steps, the last of it after the interval. With `pressing` steps of its life left it is urgent. `ca` is the number of
    the CA that is asked; where there are several, `chain` has the cohort for each of them, this one among them, in the
    order in which they are asked."""

    lane: int
    draws: tuple[int, ...]
    interval: int
    slack: int
    then: int
    terms: Terms | None = None
    first: bool = False
    chosen: bool = True
    spread: int = 0
    pressing: int = 0
    ca: int = 0
    chain: tuple[int, ...] = ()

    def urgent_at(self, deadline: int) -> int:
        """From which step on one that ends at *deadline* may draw on what is kept for urgent work."""
        return deadline - self.pressing


@dataclass(slots=True)
class Model:
    """`arrivals[step]` says how many of which cohort are due then, and at which step they end."""

    steps: Steps
    buckets: list[Bucket] = field(default_factory=list)
    cohorts: list[Cohort] = field(default_factory=list)
    cas: list[CaRules] = field(default_factory=list)
    arrivals: dict[int, Counter[tuple[int, int]]] = field(default_factory=lambda: defaultdict(Counter))
    # How many certificates the question is about, and how many there are.
    chosen: int = 0
    size: int = 0
    outage: int = 0
