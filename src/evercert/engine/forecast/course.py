"""What happens: step by step, who is due asks, who finds a limit used up waits, who waits too long lapses.

Rules of this file:

* Those that are due are asked for in the order in which they become urgent (the engine does the same), each cohort as
  many at once as its limits allow.
* What is kept of a limit for urgent work is for those alone that have become urgent, which therefore go first.
* A cohort that waits for a bucket is looked at again when there is room in it, or one of it becomes urgent, not in
  between.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from evercert.acme.cas import Limit
from evercert.engine.forecast.model import FREE, Model, Steps
from evercert.engine.limits.budget import ahead, drawn, interval, room_at
from evercert.engine.renewal.calendar import LAST_CALL, permitted
from evercert.model.terms import Terms

__all__ = ["OUTAGE", "Course", "Waiting", "course_of"]

_SECOND = 1_000_000
# What no limit is to blame for.
OUTAGE = -1


@dataclass(slots=True)
class Waiting:
    """What became of those that a limit held back: `since` is the first step at which it was used up; `count` those
    that waited, `most` those that did at once, `longest` for how many steps at most; `lapsed` how many ended
    meanwhile, at which steps; `left` those that wait still when the forecast ends."""

    since: int
    count: int = 0
    most: int = 0
    longest: int = 0
    lapsed: Counter[int] = field(default_factory=Counter)
    left: int = 0


@dataclass(slots=True)
class Course:
    """Series have a number for each step, and are of the chosen certificates, as `waiting` is; that has what waits at a
    bucket or, at `OUTAGE`, for a CA that does not answer. `demand` and `granted` are each bucket's, of all, by step.
    """

    steps: Steps
    due: list[int]
    renewals: list[int]
    firsts: list[int]
    waits: list[int]
    demand: list[Counter[int]]
    granted: list[Counter[int]]
    waiting: dict[int, Waiting] = field(default_factory=dict)

    @property
    def lapsed(self) -> Counter[int]:
        return sum((each.lapsed for each in self.waiting.values()), Counter())


def course_of(model: Model, *, unlimited: bool = False) -> Course:
    """What happens to the fleet; *unlimited* as if there were no limits, which shows what is asked of them."""
    return _Run(model, unlimited).course()


# [the last step at which it is valid, since when it is due, how many, whom it waits for]; the first goes first.
_Entry = list[int]
_NOBODY = -2


@dataclass(slots=True)
class _Queue:
    """Those of one cohort that are due and were not asked for yet. `new` are those that no limit held back yet;
    `listed` is what stands for it among those that may ask; `parked` says which bucket it waits for."""

    entries: list[_Entry] = field(default_factory=list)
    new: list[_Entry] = field(default_factory=list)
    listed: tuple[int, int, int] | None = None
    parked: int | None = None


class _Run:
    def __init__(self, model: Model, unlimited: bool) -> None:
        self.model = model
        self.steps = model.steps
        self.unlimited = unlimited
        self.outage = 0 if unlimited else model.outage
        self.limits = [_stretched(bucket.limit, self.steps.size) for bucket in model.buckets]
        self.tats = [bucket.tat for bucket in model.buckets]
        self.queues = [_Queue() for _ in model.cohorts]
        # Of each lane the cohorts that may ask, the first in front; and those of it that nothing held back yet.
        self.ready: dict[int, list[tuple[int, int, int]]] = {each.lane: [] for each in model.cohorts}
        self.fresh: dict[int, set[int]] = {lane: set() for lane in self.ready}
        self.waking: defaultdict[int, list[int]] = defaultdict(list)
        self.arrivals = defaultdict(Counter, {step: Counter(due) for step, due in model.arrivals.items()})
        self.held: Counter[int] = Counter()
        count = self.steps.count
        self.done = Course(
            steps=self.steps,
            due=[0] * count,
            renewals=[0] * count,
            firsts=[0] * count,
            waits=[0] * count,
            demand=[Counter() for _ in model.buckets],
            granted=[Counter() for _ in model.buckets],
        )

    def course(self) -> Course:
        for step in range(self.steps.count):
            for (number, deadline), count in self.arrivals.pop(step, Counter()).items():
                self._arrive(number, [deadline, step, count, _NOBODY])
            for number in self.waking.pop(step, ()):
                self.queues[number].parked = None
                self._list(number)
            for lane in sorted(self.ready) if step >= self.outage else ():
                self._admit(lane, step)
            self.done.waits[step] = self.held.total()
        self._close()
        return self.done

    def _arrive(self, number: int, entry: _Entry) -> None:
        cohort, queue, step, count = self.model.cohorts[number], self.queues[number], entry[1], entry[2]
        if cohort.chosen:
            self.done.due[step] += count
        for bucket in cohort.draws:
            self.done.demand[bucket][step] += count
        if self._is_free(number, step):
            self._granted(number, entry, count, step)
            return
        heappush(queue.entries, entry)
        if step < self.outage:
            self._hold(number, [entry], OUTAGE, step)
        elif queue.parked is not None:
            self._hold(number, [entry], queue.parked, step)
            self._wake(number, cohort.urgent_at(entry[0]), step)
        else:
            queue.new.append(entry)
            self.fresh[cohort.lane].add(number)
        if queue.parked is None:
            self._list(number)

    def _is_free(self, number: int, step: int) -> bool:
        """Whether nothing can hold it back."""
        draws = self.model.cohorts[number].draws
        return (self.unlimited or not draws) and step >= self.outage and not self.queues[number].entries

    def _list(self, number: int) -> None:
        """Afterwards the cohort stands among those that may ask, by the first of those that wait: the first to become
        urgent."""
        queue = self.queues[number]
        if not queue.entries:
            return
        deadline, due, *_ = queue.entries[0]
        cohort = self.model.cohorts[number]
        key = (cohort.urgent_at(deadline), due, number)
        if queue.listed is None or key < queue.listed:
            queue.listed = key
            heappush(self.ready[cohort.lane], key)

    def _admit(self, lane: int, step: int) -> None:
        ready = self.ready[lane]
        while ready:
            if lane != FREE and not self._room(lane, step, urgent=ready[0][0] <= step):
                self._hold_lane(lane, step)
                return
            key = heappop(ready)
            if self.queues[key[2]].listed == key:
                self.queues[key[2]].listed = None
                self._ask(key[2], step)
        for number in self.fresh[lane]:
            self.queues[number].new.clear()
        self.fresh[lane].clear()

    def _ask(self, number: int, step: int) -> None:
        """As many of the first that wait as there is room for; afterwards the others are listed or parked."""
        queue = self.queues[number]
        entry = queue.entries[0]
        cohort = self.model.cohorts[number]
        urgent = cohort.urgent_at(entry[0]) <= step
        rooms = {bucket: self._room(bucket, step, urgent=urgent) for bucket in cohort.draws}
        full = next((bucket for bucket, room in rooms.items() if not room), None)
        if full is not None:
            self._park(number, full, step, urgent=urgent)
            return
        self._granted(number, entry, min([entry[2], *rooms.values()]), step)
        if not entry[2]:
            heappop(queue.entries)
        self._list(number)

    def _room(self, bucket: int, step: int, *, urgent: bool) -> int:
        """How many orders there is room for now; besides what is kept for urgent work, where they are not."""
        limit = self.limits[bucket]
        used = max(0, self.tats[bucket] - self.steps.moment(step) * _SECOND)
        return max(0, (ahead(limit, urgent=urgent) - used) // interval(limit))

    def _granted(self, number: int, entry: _Entry, count: int, step: int) -> None:
        cohort = self.model.cohorts[number]
        entry[2] -= count
        for bucket in cohort.draws:
            self.done.granted[bucket][step] += count
            self.tats[bucket] = drawn(self.limits[bucket], self.tats[bucket], self.steps.moment(step) * _SECOND, count)
        if cohort.chosen:
            series = self.done.firsts if cohort.first else self.done.renewals
            series[step] += count
            self._release(entry, count, step)
        for part, earlier in _spread(count, cohort.spread):
            self._renew(cohort.then, part, step, earlier)

    def _release(self, entry: _Entry, count: int, step: int) -> None:
        deadline, due, _, blamed = entry
        if blamed == _NOBODY:
            return
        self.held[blamed] -= count
        waiting = self.done.waiting[blamed]
        waiting.longest = max(waiting.longest, step - due)
        if deadline < step:
            waiting.lapsed[deadline] += count

    def _renew(self, number: int, count: int, step: int, earlier: int) -> None:
        """What was issued at *step* is due again in its time, or *earlier*."""
        cohort = self.model.cohorts[number]
        due, ends = step + cohort.interval - earlier, step + cohort.interval + cohort.slack
        if cohort.terms:
            due = self._permitted(cohort.terms, due, step + int((ends - step) * LAST_CALL))
        if due < self.steps.count:
            self.arrivals[max(due, step + 1)][number, ends] += count

    def _permitted(self, terms: Terms, due: int, last: int) -> int:
        def moment(step: int) -> datetime:
            return datetime.fromtimestamp(self.steps.moment(step), UTC)

        begins, _ = permitted(moment(due), moment(last), terms)
        return self.steps.due(int(begins.timestamp()))

    def _park(self, number: int, bucket: int, step: int, *, urgent: bool) -> None:
        """Afterwards it is looked at again once there is room in the bucket, or the first of it becomes urgent."""
        queue = self.queues[number]
        queue.parked = bucket
        self._hold(number, queue.new, bucket, step)
        queue.new.clear()
        moment = room_at(self.limits[bucket], self.tats[bucket], urgent=urgent)
        self._wake(number, self.steps.due(-(-moment // _SECOND)), step)
        if not urgent:
            self._wake(number, self.model.cohorts[number].urgent_at(queue.entries[0][0]), step)

    def _wake(self, number: int, at: int, step: int) -> None:
        """Afterwards it is looked at again at *at*, or at the next step after this one."""
        if at < self.steps.count:
            self.waking[max(step + 1, at)].append(number)

    def _hold_lane(self, lane: int, step: int) -> None:
        """There is no room for anybody in it: those that come now wait too."""
        for number in self.fresh[lane]:
            self._hold(number, self.queues[number].new, lane, step)
            self.queues[number].new.clear()
        self.fresh[lane].clear()

    def _hold(self, number: int, entries: Iterable[_Entry], blamed: int, step: int) -> None:
        count = 0
        for entry in entries:
            entry[3] = blamed
            count += entry[2]
        if count and self.model.cohorts[number].chosen:
            waiting = self.done.waiting.setdefault(blamed, Waiting(step))
            waiting.count += count
            self.held[blamed] += count
            waiting.most = max(waiting.most, self.held[blamed])

    def _close(self) -> None:
        for cohort, queue in zip(self.model.cohorts, self.queues, strict=True):
            for deadline, due, count, blamed in queue.entries if cohort.chosen else ():
                waiting = self.done.waiting[blamed]
                waiting.left += count
                waiting.longest = max(waiting.longest, self.steps.count - due)
                if deadline < self.steps.count:
                    waiting.lapsed[deadline] += count


def _spread(count: int, span: int) -> Iterator[tuple[int, int]]:
    """Evenly over *span* steps: how many are how much earlier."""
    parts = max(1, min(count, span + 1))
    for part in range(parts):
        yield (part + 1) * count // parts - part * count // parts, (span + 1) * (2 * part + 1) // (2 * parts)


def _stretched(limit: Limit, size: int) -> Limit:
    """A limit whose whole period is within a step gives in a step what it gives in that time."""
    step = timedelta(seconds=size)
    return limit if limit.period >= step else replace(limit, count=limit.count * (step // limit.period), period=step)
