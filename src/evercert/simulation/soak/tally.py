"""What is counted while a soak goes on."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Lapse", "Tally"]

# So many lapses are told one by one.
_TOLD: Final = 20


@dataclass(frozen=True, slots=True)
class Lapse:
    """A certificate was of no use any more from `at` on, for so many `seconds`, because of what it waited for."""

    number: int
    at: int
    seconds: int
    why: str


@dataclass(slots=True)
class Tally:
    """`issued` is by CA; `orders` by CA and what it counts by, `exempt` those that it counts by nothing. `held` are
    waits for a limit, `silent` attempts at a CA that does not answer, `postponed` looks at which no CA was to be asked,
    `failed` orders that failed for a reason of their own, `refused` the CAs' 429s,
    `overslept` certificates of which nobody thought in time. `least` is how much of a life was
    left at least when it was renewed, `closest` how many seconds before a revocation it was at least."""

    issued: Counter[str] = field(default_factory=Counter)
    firsts: int = 0
    orders: Counter[tuple[str, str]] = field(default_factory=Counter)
    exempt: int = 0
    held: int = 0
    silent: int = 0
    postponed: int = 0
    failed: int = 0
    refused: int = 0
    overslept: int = 0
    most_waiting: int = 0
    least: float = 1.0
    closest: int | None = None
    lapses: list[Lapse] = field(default_factory=list)
    lapsed_at: array[int] = field(default_factory=lambda: array("q"))
    reasons: Counter[str] = field(default_factory=Counter)
    # Whom each of those waits for that are due and were not issued yet.
    waiting: dict[int, str] = field(default_factory=dict)

    @property
    def lapsed(self) -> int:
        return len(self.lapsed_at)

    def waits(self, number: int, why: str) -> None:
        self.waiting[number] = why
        self.most_waiting = max(self.most_waiting, len(self.waiting))

    def renewed(self, number: int, now: int, end: int, life: int, *, revoked: bool) -> None:
        """The current certificate, of use until *end*, has a successor now."""
        if revoked:
            self.closest = end - now if self.closest is None else min(self.closest, end - now)
        else:
            self.least = min(self.least, (end - now) / life)
        if now > end:
            self.lapse(number, end, now)

    def lapse(self, number: int, end: int, until: int) -> None:
        why = self.waiting.get(number, "it was not asked for in time")
        self.lapsed_at.append(end)
        self.reasons[why] += 1
        if len(self.lapses) < _TOLD:
            self.lapses.append(Lapse(number, end, until - end, why))
