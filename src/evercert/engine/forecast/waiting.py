"""Those that are due and were not served yet, and what became of those that a limit held back."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["NOBODY", "OUTAGE", "Entry", "Queue", "Waiting", "shared_out"]

# What no limit is to blame for; and nothing at all.
OUTAGE = -1
NOBODY = -2


@dataclass(slots=True)
class Waiting:
    """What became of those that a limit held back: `since` is the first step at which it was used up; `count` those
    that waited, `most` those that did at once, `longest` for how many steps at most; `lapsed` how many ended
    meanwhile, at which steps; `left` those that wait still when the forecast ends. `passed` are those that were served
    by another CA because of it."""

    since: int
    count: int = 0
    most: int = 0
    longest: int = 0
    lapsed: Counter[int] = field(default_factory=Counter)
    left: int = 0
    passed: int = 0

    def ends(self, entry: Entry, count: int, step: int) -> None:
        """So many of the entry wait no longer, or nobody looks any more."""
        self.longest = max(self.longest, step - entry.due)
        if entry.deadline < step:
            self.lapsed[entry.deadline] += count


@dataclass(slots=True)
class Entry:
    """So many of a cohort that are due since one step and valid until another. The buckets: `blamed` held them back
    first, they wait for `place` now, and because of `sent` they asked another CA first."""

    deadline: int
    due: int
    count: int
    blamed: int = NOBODY
    place: int = NOBODY
    sent: int = NOBODY

    def __lt__(self, other: Entry) -> bool:
        return (self.deadline, self.due) < (other.deadline, other.due)


@dataclass(slots=True)
class Queue:
    """Those of one cohort that are due and were not asked for yet. Of `new` it is not decided yet what they do if
    there is no room; `listed` is what stands for the queue among those that may ask; `parked` says which bucket it
    waits for."""

    entries: list[Entry] = field(default_factory=list)
    new: list[Entry] = field(default_factory=list)
    listed: tuple[int, int, int] | None = None
    parked: int | None = None


def shared_out(count: int, turns: Sequence[tuple[int, int]]) -> list[int]:
    """How many of so many wait at each of these places, so that the last one's turn comes as soon as can be. A turn is
    the moment of the first that comes there, and how far apart the others are."""

    def waiting(until: int) -> list[int]:
        return [max(0, (until - first) // apart + 1) for first, apart in turns]

    soonest = min(first for first, _ in turns)
    latest = min(first + (count - 1) * apart for first, apart in turns)
    until = bisect_left(range(soonest, latest), count, key=lambda moment: sum(waiting(moment))) + soonest
    found = waiting(until)
    # Of those whose turn would be at the last moment some are not there.
    at_last = [place for place, (first, apart) in enumerate(turns) if first <= until and not (until - first) % apart]
    for place in at_last[: sum(found) - count]:
        found[place] -= 1
    return found
