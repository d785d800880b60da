"""What goes wrong in a history, and when: drawn from the seed before it begins.

Rules of this file:

* Every fault has a beginning and an end, so that a law can tell when nothing was wrong: what is not a fault's is calm.
* Spans are fractions of a certificate's life, so that lives of hours and of months have the same histories.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final

__all__ = ["Fault", "FaultKind", "Weather", "calm_spans", "drawn"]


class FaultKind(Enum):
    """One word for each, as `evercert simulate --faults` takes them."""

    CA_OUTAGE = "ca-outage"  # connections are refused, or time out, or answered with 503
    CA_SLOW = "ca-slow"  # validation and issuance take minutes
    CA_FLAKY = "ca-flaky"  # requests and answers are lost, good nonces refused
    CA_LIMIT = "ca-limit"  # 429, with a Retry-After or without
    CA_REFUSAL = "ca-refusal"  # one certificate's names are rejected
    MASS_REVOCATION = "mass-revocation"  # ARI says "now", and at the end the CA revokes
    DNS_OUTAGE = "dns-outage"  # neither the provider's API nor the servers answer
    DNS_LAG = "dns-lag"  # records take minutes to be seen
    TARGET_FAILING = "target-failing"  # every reload fails
    TARGET_FLAPPING = "target-flapping"  # every other one does, or is not seen to have had any effect
    CRASH = "crash"  # a node dies at any moment, and starts again at the end
    PAUSE = "pause"  # a node stands still, as under SIGSTOP, and goes on at the end
    STORE = "store"  # the database fails, before a write or after it
    CLOCK = "clock"  # a node's clock is wrong
    FREEZE = "freeze"  # those who declare the certificates want no server touched


# How many of each in a history of ten lives, at most, and how long each lasts, in lives.
_MOST: Final[dict[FaultKind, tuple[int, float, float]]] = {
    FaultKind.CA_OUTAGE: (6, 0.02, 0.3),
    FaultKind.CA_SLOW: (6, 0.05, 0.3),
    FaultKind.CA_FLAKY: (8, 0.05, 0.4),
    FaultKind.CA_LIMIT: (6, 0.02, 0.2),
    FaultKind.CA_REFUSAL: (4, 0.02, 0.2),
    FaultKind.MASS_REVOCATION: (2, 0.3, 0.4),
    FaultKind.DNS_OUTAGE: (6, 0.01, 0.1),
    FaultKind.DNS_LAG: (6, 0.05, 0.3),
    FaultKind.TARGET_FAILING: (6, 0.02, 0.1),
    FaultKind.TARGET_FLAPPING: (6, 0.05, 0.3),
    FaultKind.CRASH: (16, 0.001, 0.05),
    FaultKind.PAUSE: (12, 0.001, 0.05),
    FaultKind.STORE: (8, 0.005, 0.05),
    FaultKind.CLOCK: (6, 0.05, 0.3),
    FaultKind.FREEZE: (5, 0.1, 0.8),
}
_TEN_LIVES = 10


@dataclass(frozen=True, slots=True)
class Fault:
    """From `since` to `until` (seconds since the beginning) that is so for `subject`: a number which each kind reads
    as one of its own (a CA, a certificate, a node). `chance` is a number from 0 to 1, for what has shades."""

    kind: FaultKind
    since: float
    until: float
    subject: int
    chance: float

    def __str__(self) -> str:
        return f"{self.kind.value} #{self.subject} from {self.since:.0f} s to {self.until:.0f} s"


def drawn(
    kinds: Sequence[FaultKind], rng: Random, *, begin: float, end: float, life: float, hardness: float = 1.0
) -> list[Fault]:
    """Faults of those kinds that are over at *end*, in the order of their beginnings; each lasts *hardness* times as
    long as it usually would."""
    faults = [
        _one(kind, rng, begin, end, life * hardness)
        for kind in kinds
        for _ in range(_how_many(_MOST[kind][0] * (end - begin) / life / _TEN_LIVES, rng))
    ]
    return sorted((fault for fault in faults if fault.until <= end), key=lambda fault: (fault.since, fault.kind.value))


def _how_many(most: float, rng: Random) -> int:
    return int(most * rng.random() + rng.random())


def _one(kind: FaultKind, rng: Random, begin: float, end: float, life: float) -> Fault:
    _, shortest, longest = _MOST[kind]
    since = rng.uniform(begin, end)
    return Fault(kind, since, since + life * rng.uniform(shortest, longest), rng.randrange(1 << 16), rng.random())


class Weather:
    """The faults of one history, as those ask who are to suffer them."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)
        self._by_kind: dict[FaultKind, list[Fault]] = {}
        for fault in self.faults:
            self._by_kind.setdefault(fault.kind, []).append(fault)

    def at(self, now: float, kind: FaultKind, own: int = 0, among: int = 1) -> Fault | None:
        """The fault of that kind that is so now for the one numbered *own* of *among*."""
        for fault in self._by_kind.get(kind, ()):
            if fault.since <= now < fault.until and fault.subject % among == own:
                return fault
        return None


def calm_spans(faults: Iterable[Fault], since: float, until: float) -> list[tuple[float, float]]:
    """The spans between those moments in which no fault at all was."""
    calm, at = [], since
    for fault in sorted(faults, key=lambda fault: fault.since):
        if fault.since > at:
            calm.append((at, min(fault.since, until)))
        at = max(at, fault.until)
    calm.append((at, until))
    return [(begin, end) for begin, end in calm if end > begin]
