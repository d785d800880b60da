"""What happens: step by step, who is due asks, who finds a limit used up waits, who waits too long lapses.

Rules of this file:

* Those that are due are asked for in the order in which they become urgent (the engine does the same), each cohort as
  many at once as its limits allow.
* What is kept of a limit for urgent work is for those alone that have become urgent, which therefore go first.
* Whoever has several CAs goes on to the next one as the engine would (`engine.asking.choosing`): each CA has a cohort
  of its own, and those that go on leave the one for the other.
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
from evercert.engine.asking.choosing import affordable
from evercert.engine.forecast.model import FREE, NEVER, Model, Steps
from evercert.engine.forecast.waiting import NOBODY, OUTAGE, Entry, Queue, Waiting, shared_out
from evercert.engine.limits.budget import PATIENCE, ahead, interval, room_at
from evercert.engine.renewal.calendar import LAST_CALL, permitted
from evercert.model.terms import Terms

__all__ = ["Course", "course_of"]

_SECOND = 1_000_000
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class Course:
    """Series have a number for each step, and are of the chosen certificates, as `waiting` is; that has what waits at a
    bucket or, at `OUTAGE`, for a CA that does not answer. `demand` and `granted` are each bucket's, of all, by step;
    whoever goes on to another CA asks here no longer. `taken` says how many each CA issues."""

    steps: Steps
    due: list[int]
    renewals: list[int]
    firsts: list[int]
    waits: list[int]
    demand: list[Counter[int]]
    granted: list[Counter[int]]
    taken: Counter[int] = field(default_factory=Counter)
    waiting: dict[int, Waiting] = field(default_factory=dict)

    @property
    def lapsed(self) -> Counter[int]:
        return sum((each.lapsed for each in self.waiting.values()), Counter())


def course_of(model: Model, *, unlimited: bool = False) -> Course:
    """What happens to the fleet; *unlimited* as if there were no limits, which shows what is asked of them."""
    return _Run(model, unlimited).course()


class _Run:
    def __init__(self, model: Model, unlimited: bool) -> None:
        self.model = model
        self.steps = model.steps
        self.unlimited = unlimited
        self.outage = 0 if unlimited else model.outage
        self.limits = [_stretched(bucket.limit, self.steps.size) for bucket in model.buckets]
        self.spans = [bucket.span(limit) for bucket, limit in zip(model.buckets, self.limits, strict=True)]
        self.tats = [bucket.tat for bucket in model.buckets]
        self.queues = [Queue() for _ in model.cohorts]
        # Of each lane the cohorts that may ask, the first in front; and those of it that have new ones.
        self.ready: dict[int, list[tuple[int, int, int]]] = {each.lane: [] for each in model.cohorts}
        self.fresh: dict[int, set[int]] = {lane: set() for lane in self.ready}
        self.waking: defaultdict[int, list[int]] = defaultdict(list)
        self.arrivals = defaultdict(Counter, {step: Counter(due) for step, due in model.arrivals.items()})
        # Those that become urgent then, if they wait still.
        self.hurrying: defaultdict[int, list[tuple[int, Entry]]] = defaultdict(list)
        # Lanes that somebody entered since they were looked at.
        self.entered: set[int] = set()
        # Of the chosen, by what held them back first; of all, by what they wait for.
        self.held: Counter[int] = Counter()
        self.queued: Counter[int] = Counter()
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
                if self.model.cohorts[number].chosen:
                    self.done.due[step] += count
                self._enter(number, Entry(deadline, step, count), step)
            for number in self.waking.pop(step, ()):
                self.queues[number].parked = None
                self._list(number)
            for number, entry in self.hurrying.pop(step, ()):
                self._hurry(number, entry, step)
            if step >= self.outage:
                self._admit_all(step)
            self.done.waits[step] = self.held.total()
        self._close()
        return self.done

    def _enter(self, number: int, entry: Entry, step: int) -> None:
        """They ask that CA from now on."""
        cohort, queue = self.model.cohorts[number], self.queues[number]
        self._demand(number, entry.count, step)
        if self._is_free(number, step):
            self._granted(number, entry, entry.count, step)
            return
        heappush(queue.entries, entry)
        if step < self.outage:
            self._hold(number, [entry], OUTAGE, step)
        if queue.parked is not None:
            self._hold(number, [entry], queue.parked, step)
        else:
            queue.new.append(entry)
            self.fresh[cohort.lane].add(number)
        if queue.parked is None:
            self._list(number)
            self.entered.add(cohort.lane)

    def _demand(self, number: int, count: int, step: int) -> None:
        for bucket in self.model.cohorts[number].draws:
            self.done.demand[bucket][step] += count

    def _is_free(self, number: int, step: int) -> bool:
        """Whether nothing can hold it back."""
        draws = self.model.cohorts[number].draws
        return (self.unlimited or not draws) and step >= self.outage and not self.queues[number].entries

    def _list(self, number: int) -> None:
        """Afterwards the cohort stands among those that may ask, by the first of those that wait: the first to become
        urgent."""
        queue, cohort = self.queues[number], self.model.cohorts[number]
        first = self._first(number)
        if first is None:
            return
        key = (cohort.urgent_at(first.deadline), first.due, number)
        if queue.listed is None or key < queue.listed:
            queue.listed = key
            heappush(self.ready[cohort.lane], key)

    def _first(self, number: int) -> Entry | None:
        """The first of a cohort that waits; those that went elsewhere are there no longer."""
        entries = self.queues[number].entries
        while entries and not entries[0].count:
            heappop(entries)
        return entries[0] if entries else None

    def _admit_all(self, step: int) -> None:
        """Also those that go on to another CA meanwhile: never back to one that has sent them on."""
        self.entered.clear()
        for lane in sorted(self.ready):
            self._admit(lane, step)
        while self.entered:
            lane = min(self.entered)
            self.entered.remove(lane)
            self._admit(lane, step)

    def _hurry(self, number: int, entry: Entry, step: int) -> None:
        """They are urgent now: they may draw on what is kept for such, and wait for no CA while another has room."""
        if not entry.count:
            return
        cohort, queue = self.model.cohorts[number], self.queues[number]
        queue.parked = None
        if cohort.chain and number != cohort.chain[0]:
            self._move(number, entry, entry.count, cohort.chain[0], step)
        else:
            self._unplace(entry, entry.count)
            entry.place = NOBODY
            queue.new.append(entry)
            self.fresh[cohort.lane].add(number)
        self._list(number)

    def _unplace(self, entry: Entry, count: int) -> None:
        if entry.place != NOBODY:
            self.queued[entry.place] -= count

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
        cohort, entry = self.model.cohorts[number], self._first(number)
        if entry is None:
            return
        urgent = cohort.urgent_at(entry.deadline) <= step
        rooms = {bucket: self._room(bucket, step, urgent=urgent) for bucket in cohort.draws}
        full = next((bucket for bucket, room in rooms.items() if not room), None)
        if full is not None:
            self._park(number, full, step, urgent=urgent)
            return
        self._granted(number, entry, min([entry.count, *rooms.values()]), step)
        self._list(number)

    def _room(self, bucket: int, step: int, *, urgent: bool) -> int:
        """How many there is room for now; besides what is kept for urgent work, where they are not. The last one finds
        room for its first attempt."""
        limit = self.limits[bucket]
        used = max(0, self.tats[bucket] - self.steps.moment(step) * _SECOND)
        free = ahead(limit, urgent=urgent) - used - interval(limit)
        return max(0, free // self.spans[bucket] + 1)

    def _granted(self, number: int, entry: Entry, count: int, step: int) -> None:
        cohort = self.model.cohorts[number]
        self._leave(entry, count)
        for bucket in cohort.draws:
            self.done.granted[bucket][step] += count
            now = self.steps.moment(step) * _SECOND
            self.tats[bucket] = max(self.tats[bucket], now) + count * self.spans[bucket]
        if cohort.chosen:
            series = self.done.firsts if cohort.first else self.done.renewals
            series[step] += count
            self.done.taken[cohort.ca] += count
            self._release(entry, count, step)
            if cohort.chain and number != cohort.chain[0]:
                self.done.waiting.setdefault(entry.sent, Waiting(step)).passed += count
        for part, earlier in _spread(count, cohort.spread):
            self._renew(cohort.then, part, step, earlier)

    def _leave(self, entry: Entry, count: int) -> None:
        """So many of them are there no longer."""
        entry.count -= count
        self._unplace(entry, count)

    def _release(self, entry: Entry, count: int, step: int) -> None:
        if entry.blamed == NOBODY:
            return
        self.held[entry.blamed] -= count
        self.done.waiting[entry.blamed].ends(entry, count, step)

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
        """Afterwards it is looked at again once there is room in the bucket, or some of it become urgent."""
        queue = self.queues[number]
        queue.parked = bucket
        if self.model.cohorts[number].chain:  # whoever has waited for another bucket did not know of this one
            queue.new += (each for each in queue.entries if each.count and each.place not in {bucket, NOBODY, OUTAGE})
        self._decide(number, bucket, step)
        moment = room_at(self.limits[bucket], self.tats[bucket], urgent=urgent)
        self._wake(number, self.steps.due(-(-moment // _SECOND)), step)

    def _wake(self, number: int, at: int, step: int) -> None:
        """Afterwards it is looked at again at *at*, or at the next step after this one."""
        if at < self.steps.count:
            self.waking[max(step + 1, at)].append(number)

    def _hold_lane(self, lane: int, step: int) -> None:
        """There is no room for anybody in it: those that come now wait too, or go on."""
        for number in sorted(self.fresh[lane]):
            self._decide(number, lane, step)
        self.fresh[lane].clear()

    def _decide(self, number: int, bucket: int, step: int) -> None:
        """What the new ones of a cohort do that find no room."""
        queue = self.queues[number]
        new, queue.new = queue.new, []
        self._hold(number, new, bucket, step)

    def _hold(self, number: int, entries: Iterable[Entry], bucket: int, step: int) -> None:
        """Afterwards each waits there, or has gone on to the next CA rather than wait for so long."""
        for entry in entries:
            staying = self._staying(number, entry, bucket, step)
            if staying < entry.count:
                self._pass(number, entry, entry.count - staying, bucket, step)
            if entry.count:
                self._wait(number, entry, bucket, step)

    def _staying(self, number: int, entry: Entry, bucket: int, step: int) -> int:
        """How many rather wait for their turn there (`engine.asking.choosing`): those whose turn comes soon enough.
        None is told a longer wait than `PATIENCE`, so whoever has time for that waits until it is urgent."""
        cohort = self.model.cohorts[number]
        if not cohort.chain or bucket == OUTAGE:
            return entry.count
        if cohort.urgent_at(entry.deadline) <= step:
            return 0
        left = None if entry.deadline == NEVER else timedelta(seconds=(entry.deadline - step) * self.steps.size)
        patience = affordable(left)
        if patience >= PATIENCE:
            return entry.count
        until = self.steps.moment(step) * _SECOND + patience // _MICROSECOND
        turns = (until - self._turn(bucket)) // self.spans[bucket] + 1
        return min(entry.count, max(0, turns))

    def _turn(self, bucket: int) -> int:
        """When the next one's turn would be that waits there (in microseconds)."""
        return room_at(self.limits[bucket], self.tats[bucket]) + self.queued[bucket] * self.spans[bucket]

    def _pass(self, number: int, entry: Entry, count: int, bucket: int, step: int) -> None:
        """So many go on to the next CA; from the last one to that at which it is their turn first."""
        if entry.sent == NOBODY:
            entry.sent = bucket
        chain = self.model.cohorts[number].chain
        following = chain.index(number) + 1
        if following < len(chain):
            self._move(number, entry, count, chain[following], step)
        else:
            self._share(number, entry, count, step)

    def _move(self, number: int, entry: Entry, count: int, to: int, step: int) -> None:
        self._enter(to, self._taken_out(number, entry, count, step), step)

    def _taken_out(self, number: int, entry: Entry, count: int, step: int) -> Entry:
        self._demand(number, -count, step)
        self._leave(entry, count)
        return replace(entry, count=count, place=NOBODY)

    def _share(self, number: int, entry: Entry, count: int, step: int) -> None:
        """All of their CAs are full: they wait, each where its turn comes first."""
        leaving = self._taken_out(number, entry, count, step)
        full = {to: self._fullest(to) for to in self.model.cohorts[number].chain}
        turns = [(self._turn(bucket), self.spans[bucket]) for bucket in full.values()]
        for (to, bucket), part in zip(full.items(), shared_out(count, turns), strict=True):
            if part:
                self._demand(to, part, step)
                sharing = replace(leaving, count=part)
                heappush(self.queues[to].entries, sharing)
                self._wait(to, sharing, bucket, step)
                if self.queues[to].parked is None:
                    self._list(to)

    def _fullest(self, number: int) -> int:
        """Of the buckets of a cohort that has found no room the one that is full for longest."""
        return max(self.model.cohorts[number].draws, key=self._turn)

    def _wait(self, number: int, entry: Entry, bucket: int, step: int) -> None:
        cohort = self.model.cohorts[number]
        self._unplace(entry, entry.count)
        entry.place = bucket
        self.queued[bucket] += entry.count
        urgent_at = cohort.urgent_at(entry.deadline)
        if step < urgent_at < self.steps.count:
            self.hurrying[urgent_at].append((number, entry))
        if cohort.chosen and entry.blamed == NOBODY:
            entry.blamed = bucket
            waiting = self.done.waiting.setdefault(bucket, Waiting(step))
            waiting.count += entry.count
            self.held[bucket] += entry.count
            waiting.most = max(waiting.most, self.held[bucket])

    def _close(self) -> None:
        for cohort, queue in zip(self.model.cohorts, self.queues, strict=True):
            for entry in queue.entries if cohort.chosen else ():
                if entry.count:
                    waiting = self.done.waiting[entry.blamed]
                    waiting.ends(entry, entry.count, self.steps.count)
                    waiting.left += entry.count


def _spread(count: int, span: int) -> Iterator[tuple[int, int]]:
    """Evenly over *span* steps: how many are how much earlier."""
    parts = max(1, min(count, span + 1))
    for part in range(parts):
        yield (part + 1) * count // parts - part * count // parts, (span + 1) * (2 * part + 1) // (2 * parts)


def _stretched(limit: Limit, size: int) -> Limit:
    """A limit whose whole period is within a step gives in a step what it gives in that time."""
    step = timedelta(seconds=size)
    return limit if limit.period >= step else replace(limit, count=limit.count * (step // limit.period), period=step)
