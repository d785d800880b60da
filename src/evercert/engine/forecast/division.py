"""From a fleet to cohorts and buckets."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, groupby

from evercert.acme.cas import Limit, LimitScope
from evercert.base.names import Identifier
from evercert.engine.forecast.change import UNCHANGED, Change
from evercert.engine.forecast.fleet import CaRules, Fleet, Kind
from evercert.engine.forecast.model import FREE, NEVER, Books, Bucket, Cohort, Model, Steps
from evercert.engine.limits.budget import draws, interval, usable
from evercert.engine.renewal.spread import TOGETHER
from evercert.engine.urgency import left_when_urgent
from evercert.model.intent import CertificateIntent
from evercert.model.terms import Terms

__all__ = ["counted_by", "divided"]

_SECOND = 1_000_000
_DAY = 86_400
_NAME = Identifier("dns", "www.example.com")
# What a sum of fractions may lack of a whole.
_ROUNDING = 1e-9


def divided(
    fleet: Fleet, rules: Mapping[str, CaRules], books: Books, steps: Steps, change: Change = UNCHANGED
) -> Model:
    """The fleet, changed as supposed. *rules* are by directory, and there are some for every CA that is asked."""
    return _Division(fleet, rules, books, steps, change).model()


@dataclass(frozen=True, slots=True)
class _Way:
    """What is the same for all certificates of a kind. `before` and `after` are the seconds from one order to the next,
    before and after the change; `first` and `renewal` the limits that such an order draws on."""

    kind: Kind
    rules: CaRules
    moved: bool
    before: int
    after: int
    weight: float
    first: frozenset[LimitScope]
    renewal: frozenset[LimitScope]

    def is_first(self, ends: int, start: int) -> bool:
        return self.moved or ends <= start

    def scopes(self, ends: int, start: int) -> frozenset[LimitScope]:
        return self.first if self.is_first(ends, start) else self.renewal

    def at_once(self, scope: LimitScope) -> float:
        """Of how many orders the first comes whenever it likes; of one that is spread, a part of the second too."""
        again = scope in self.renewal and not self.kind.ari
        return self.weight * (1 + TOGETHER) if again else self.weight

    def rate(self, scope: LimitScope) -> float:
        """Orders a second that follow."""
        return self.weight / self.after if scope in self.renewal else 0.0


class _Load:
    """How much is drawn on each subject of one CA's limit: certificates that do, and orders a second again."""

    def __init__(self, subjects: int) -> None:
        self.count = array("d", bytes(8 * subjects))
        self.rate = array("d", bytes(8 * subjects))

    def add(self, subject: int, way: _Way, scope: LimitScope) -> None:
        self.count[subject] += way.at_once(scope)
        self.rate[subject] += way.rate(scope)


@dataclass(slots=True)
class _Division:
    fleet: Fleet
    rules: Mapping[str, CaRules]
    books: Books
    steps: Steps
    change: Change
    built: Model = field(init=False)
    ways: list[_Way] = field(init=False)
    domains: list[str] = field(init=False)
    several: list[tuple[int, ...]] = field(init=False)
    # The number of a bucket by what it is for; a subject that cannot meet its limit has none.
    buckets: dict[tuple[str, LimitScope, object], int] = field(default_factory=dict)
    cohorts: dict[tuple[object, ...], int] = field(default_factory=dict)
    owed: float = 0.0

    def model(self) -> Model:
        self.built = Model(self.steps, size=len(self.fleet), outage=-(-self.change.outage // self.steps.size))
        self.domains, self.several = list(self.fleet.domains), list(self.fleet.several)
        self.ways = [self._way(kind) for kind in self.fleet.kinds]
        self._bind_accounts()
        self._bind_domains()
        self._bind_sets()
        self._onboard()
        for place in range(len(self.fleet)):
            self._put(place)
        return self.built

    def _way(self, kind: Kind) -> _Way:
        changed = self.change.of(kind)
        limits = self.rules[changed.ca].limits
        return _Way(
            kind=changed,
            rules=self.rules[changed.ca],
            moved=kind.foreign or (changed.ca, changed.account) != (kind.ca, kind.account),
            before=max(1, kind.life - kind.lead),
            after=max(1, changed.life - changed.lead),
            weight=self.change.growth if kind.chosen else 1.0,
            first=counted_by(limits),
            renewal=counted_by(limits, renewal=True, ari=changed.ari),
        )

    def _domains_of(self, place: int) -> Sequence[int]:
        number = self.fleet.domain[place]
        return (number,) if number >= 0 else self.several[-1 - number]

    def _bind_domains(self) -> None:
        """Afterwards there is a bucket for each domain that may meet its limit."""
        scope = LimitScope.CERTIFICATES_PER_DOMAIN
        loads: dict[str, _Load] = {}
        for place, number in enumerate(self.fleet.kind):
            way = self.ways[number]
            if scope in way.scopes(self.fleet.ends[place], self.steps.start):
                if way.rules.directory not in loads:
                    loads[way.rules.directory] = _Load(len(self.domains))
                load = loads[way.rules.directory]
                for domain in self._domains_of(place):
                    load.add(domain, way, scope)
        for directory, load in loads.items():
            self._bind_loaded(self.rules[directory], load)

    def _bind_loaded(self, ca: CaRules, load: _Load) -> None:
        limit = _limit(ca, LimitScope.CERTIFICATES_PER_DOMAIN)
        for number in compress(range(len(self.domains)), load.count):
            subject = self.domains[number]
            tat = self._tat(ca, limit, subject)
            if _may_meet(limit, load.count[number], load.rate[number], self._used(limit, tat)):
                self._bucket(Bucket(ca, limit, subject, tat), number)

    def _bind_sets(self) -> None:
        """The same for each exact set of names: those that are alike stand together once they are sorted."""
        scope = LimitScope.CERTIFICATES_PER_SET
        drawing: dict[str, list[int]] = {}
        for place, number in enumerate(self.fleet.kind):
            way = self.ways[number]
            if scope in way.scopes(self.fleet.ends[place], self.steps.start):
                drawing.setdefault(way.rules.directory, []).append(place)
        names = self.fleet.names.__getitem__
        for directory, places in drawing.items():
            places.sort(key=names)
            for digest, alike in groupby(places, key=names):
                self._bind_set(self.rules[directory], digest, list(alike))

    def _bind_set(self, ca: CaRules, digest: int, places: list[int]) -> None:
        scope = LimitScope.CERTIFICATES_PER_SET
        limit = _limit(ca, scope)
        ways = [self.ways[self.fleet.kind[place]] for place in places]
        rate = sum(way.rate(scope) for way in ways)
        tat = self._tat(ca, limit, digest)
        if _may_meet(limit, sum(way.at_once(scope) for way in ways), rate, self._used(limit, tat)):
            self._bucket(Bucket(ca, limit, "", tat, places[0]), digest)

    def _put(self, place: int) -> None:
        """One certificate's next order, and what it belongs to from then on."""
        ends = self.fleet.ends[place]
        way = self.ways[self.fleet.kind[place]]
        first = way.is_first(ends, self.steps.start)
        cohort = renewed = self._cohort(way, self._draws(way, way.renewal, place), first=False)
        if first or way.kind.urgent:
            scopes = way.first if first else way.renewal
            cohort = self._cohort(way, self._draws(way, scopes, place), first=first, then=renewed)
        self.owed += way.weight
        count = int(self.owed + _ROUNDING)
        self.owed -= count
        self.built.chosen += count if way.kind.chosen else 0
        due, deadline = self._when(way, self.fleet.due[place], ends)
        if due < self.steps.count:
            self.built.arrivals[due][cohort, deadline] += count

    def _when(self, way: _Way, due: int, ends: int) -> tuple[int, int]:
        """At which step it is due and after which it is over. A life that is supposed leaves a certificate as far in
        its life as it is."""
        start = self.steps.start
        if ends <= start:
            return self.steps.due(due), NEVER
        if way.after != way.before:
            due = start + (due - start) * way.after // way.before
            ends = max(due, start) + way.kind.lead
        return self.steps.due(due), self.steps.end(ends)

    def _draws(self, way: _Way, scopes: frozenset[LimitScope], place: int) -> tuple[int, ...]:
        """The buckets that an order of this certificate draws on: its account's first."""
        if not scopes:
            return ()
        found = []
        for scope, subject in self._subjects(way, place):
            number = self.buckets.get((way.rules.directory, scope, subject))
            if scope in scopes and number is not None:
                found.append(number)
        return tuple(found)

    def _subjects(self, way: _Way, place: int) -> Iterator[tuple[LimitScope, object]]:
        yield LimitScope.ORDERS_PER_ACCOUNT, way.kind.account
        for domain in self._domains_of(place):
            yield LimitScope.CERTIFICATES_PER_DOMAIN, domain
        yield LimitScope.CERTIFICATES_PER_SET, self.fleet.names[place]

    def _onboard(self) -> None:
        """Those that are supposed to come, evenly: at the CA that most are asked of, or the one that is supposed."""
        if not self.change.onboard or not self.ways:
            return
        usual = Counter(self.fleet.kind).most_common()
        way = next((self.ways[number] for number, _ in usual if self.ways[number].kind.chosen), self.ways[0])
        drawn = [self.buckets.get((way.rules.directory, LimitScope.ORDERS_PER_ACCOUNT, way.kind.account))]
        if self.change.under:
            drawn.append(self._onboarding_domain(way.rules))
        numbers = tuple(number for number in drawn if number is not None)
        again = tuple(number for number in numbers if self.built.buckets[number].limit.scope in way.renewal)
        cohort = self._cohort(way, numbers, first=True, then=self._cohort(way, again, first=False))
        each = self.change.onboard * self.steps.size
        for step in range(self.steps.count):
            count = (step + 1) * each // _DAY - step * each // _DAY
            if count:
                self.built.arrivals[step][cohort, NEVER] += count
                self.built.chosen += count

    def _onboarding_domain(self, ca: CaRules) -> int | None:
        limit = next((each for each in ca.limits if each.scope is LimitScope.CERTIFICATES_PER_DOMAIN), None)
        if limit is None:
            return None
        under = self.change.under
        bucket = Bucket(ca, limit, under, self._tat(ca, limit, under))
        return self._bucket(bucket, self.fleet.domains.get(under, under))

    def _cohort(self, way: _Way, drawn: tuple[int, ...], *, first: bool, then: int | None = None) -> int:
        """The number of those that are alike. What is renewed stays what it is."""
        kind = way.kind
        pressing = NEVER if kind.urgent and then is not None else self._pressing(kind)
        key = (drawn, first, then, kind.life, kind.lead, kind.windows, kind.freezes, kind.chosen, pressing)
        number = self.cohorts.get(key)
        if number is None:
            number = self.cohorts[key] = len(self.built.cohorts)
            after, life = max(1, way.after // self.steps.size), kind.life // self.steps.size
            terms = Terms(windows=kind.windows, freezes=kind.freezes) if kind.windows or kind.freezes else None
            itself = number if then is None else then
            # Where the CA suggests when to renew, nothing is spread.
            spread = int(after * TOGETHER) if first and not kind.ari else 0
            slack = max(0, life - after)
            self.built.cohorts.append(
                Cohort(self._lane(drawn), drawn, after, slack, itself, terms, first, kind.chosen, spread, pressing)
            )
        return number

    def _pressing(self, kind: Kind) -> int:
        """With how many steps left it is urgent."""
        return self.steps.before_end(int(kind.life * left_when_urgent(kind.criticality)))

    def _lane(self, drawn: tuple[int, ...]) -> int:
        scopes = {self.built.buckets[number].limit.scope: number for number in drawn}
        return scopes.get(LimitScope.ORDERS_PER_ACCOUNT, FREE)

    def _bind_accounts(self) -> None:
        for way in self.ways:
            self._account(way.rules, way.kind.account)

    def _account(self, ca: CaRules, account: str) -> None:
        for limit in ca.limits:
            if limit.scope is LimitScope.ORDERS_PER_ACCOUNT:
                self._bucket(Bucket(ca, limit, account, self._tat(ca, limit, account)), account)

    def _bucket(self, bucket: Bucket, subject: object) -> int:
        key = (bucket.ca.directory, bucket.limit.scope, subject)
        if key not in self.buckets:
            self.buckets[key] = len(self.built.buckets)
            self.built.buckets.append(bucket)
        return self.buckets[key]

    def _tat(self, ca: CaRules, limit: Limit, subject: str | int) -> int:
        return self.books.get((ca.directory, limit.scope.word, subject), 0)

    def _used(self, limit: Limit, tat: int) -> float:
        return max(0, tat - self.steps.start * _SECOND) / interval(limit)


def counted_by(limits: Sequence[Limit], *, renewal: bool = False, ari: bool = False) -> frozenset[LimitScope]:
    """By what an order is counted where these are the limits."""
    sample = CertificateIntent("", (_NAME,), "")
    return frozenset(draw.scope for draw in draws(sample, limits, renewal=renewal, ari=ari) if draw.limit and draw.cost)


def _limit(ca: CaRules, scope: LimitScope) -> Limit:
    return next(limit for limit in ca.limits if limit.scope is scope)


def _may_meet(limit: Limit, count: float, rate: float, used: float) -> bool:
    """Whether so many certificates that order again at such a rate can ever find the bucket empty: in any time *t* they
    order at most *count* + *rate* t."""
    return count + used > usable(limit, urgent=False) or rate * interval(limit) > _SECOND
