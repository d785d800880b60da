"""From a fleet to cohorts and buckets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress, groupby

from evercert.acme.cas import Limit, LimitScope
from evercert.engine.forecast.change import UNCHANGED, Change
from evercert.engine.forecast.fleet import CaRules, Fleet, Kind, OtherCa
from evercert.engine.forecast.model import FREE, NEVER, Books, Bucket, Cohort, Model, Steps
from evercert.engine.forecast.way import Load, Table, Way, counted_by
from evercert.engine.limits.budget import interval, usable
from evercert.engine.renewal.spread import TOGETHER
from evercert.engine.urgency import left_when_urgent
from evercert.model.terms import Terms

__all__ = ["divided"]

_SECOND = 1_000_000
_DAY = 86_400
# What a sum of fractions may lack of a whole.
_ROUNDING = 1e-9

# The buckets that an order draws on, at each of several CAs.
_Draws = tuple[tuple[int, ...], ...]


def divided(
    fleet: Fleet,
    rules: Mapping[str, CaRules],
    books: Books,
    steps: Steps,
    change: Change = UNCHANGED,
    failing: float = 0.0,
) -> Model:
    """The fleet, changed as supposed. *rules* are by directory, and there are some for every CA that is asked. That
    part of all attempts is *failing*: each is made anew, and so an order for an order."""
    return _Division(fleet, rules, books, steps, change, 1 / (1 - failing)).model()


@dataclass(slots=True)
class _Division:
    fleet: Fleet
    rules: Mapping[str, CaRules]
    books: Books
    steps: Steps
    change: Change
    # How many attempts it takes to issue one certificate.
    attempts: float
    built: Model = field(init=False)
    ways: list[Way] = field(init=False)
    # Of each kind the ways of all of its CAs.
    alternatives: list[tuple[Way, ...]] = field(init=False)
    domains: list[str] = field(init=False)
    several: list[tuple[int, ...]] = field(init=False)
    # The number of a bucket by its CA, what it counts by and for whom; a subject that cannot meet its limit has none.
    buckets: dict[tuple[str, LimitScope], dict[object, int]] = field(default_factory=dict)
    # Of each kind and each of its ways what the first order draws on, and a renewal.
    tables: list[list[tuple[Table, Table]]] = field(init=False)
    cohorts: dict[tuple[object, ...], int] = field(default_factory=dict)
    # Where one begins, by its kind, the CA that has issued, and what it may draw on.
    starts: dict[tuple[object, ...], int] = field(default_factory=dict)
    cas: dict[str, int] = field(default_factory=dict)
    owed: float = 0.0

    def model(self) -> Model:
        self.built = Model(self.steps, size=len(self.fleet), outage=-(-self.change.outage // self.steps.size))
        self.domains, self.several = list(self.fleet.domains), list(self.fleet.several)
        self.ways = [self._way(kind) for kind in self.fleet.kinds]
        self.alternatives = [(way, *way.others) for way in self.ways]
        self._bind_accounts()
        self._bind_domains()
        self._bind_sets()
        self._onboard()
        self.tables = [
            [(self._table(way, way.first), self._table(way, way.renewal)) for way in ways] for ways in self.alternatives
        ]
        for place in range(len(self.fleet)):
            self._put(place)
        return self.built

    def _way(self, kind: Kind) -> Way:
        changed = self.change.of(kind)
        way = self._asking(
            Way(
                kind=changed,
                rules=self.rules[changed.ca],
                moved=kind.foreign or (changed.ca, changed.account) != (kind.ca, kind.account),
                before=max(1, kind.life - kind.lead),
                after=max(1, changed.life - changed.lead),
                weight=self.change.growth if kind.chosen else 1.0,
                first=frozenset(),
                renewal=frozenset(),
                roaming=bool(changed.further),
            )
        )
        return replace(way, others=tuple(self._other(way, each) for each in changed.further))

    def _other(self, way: Way, other: OtherCa) -> Way:
        kind = replace(way.kind, ca=other.ca, account=other.account, ari=other.ari)
        return self._asking(replace(way, kind=kind, rules=self.rules[other.ca]))

    def _asking(self, way: Way) -> Way:
        """The same with what its CA counts."""
        limits = way.rules.limits
        return replace(way, first=counted_by(limits), renewal=counted_by(limits, renewal=True, ari=way.kind.ari))

    def _domains_of(self, place: int) -> Sequence[int]:
        number = self.fleet.domain[place]
        return (number,) if number >= 0 else self.several[-1 - number]

    def _drawing(self, scope: LimitScope) -> Iterator[tuple[int, Way]]:
        """The places of those whose orders that limit may count, and by which way."""
        for place, number in enumerate(self.fleet.kind):
            for way in self.alternatives[number]:
                if scope in way.scopes(self.fleet.ends[place], self.steps.start):
                    yield place, way

    def _bind_domains(self) -> None:
        """Afterwards there is a bucket for each domain that may meet its limit."""
        scope = LimitScope.CERTIFICATES_PER_DOMAIN
        loads: dict[str, Load] = {}
        for place, way in self._drawing(scope):
            if way.rules.directory not in loads:
                loads[way.rules.directory] = Load(len(self.domains))
            load = loads[way.rules.directory]
            for domain in self._domains_of(place):
                load.add(domain, way, scope)
        for directory, load in loads.items():
            self._bind_loaded(self.rules[directory], load)

    def _bind_loaded(self, ca: CaRules, load: Load) -> None:
        limit = _limit(ca, LimitScope.CERTIFICATES_PER_DOMAIN)
        known = self._known(ca, limit.scope)
        for number in compress(range(len(self.domains)), load.count):
            count, rate, subject = load.count[number], load.rate[number], self.domains[number]
            if subject in known or count > usable(limit, urgent=False) or rate * interval(limit) > _SECOND:
                tat = self._tat(ca, limit, subject)
                if _may_meet(limit, count, rate, self._used(limit, tat)):
                    self._bucket(Bucket(ca, limit, subject, tat), number)

    def _known(self, ca: CaRules, scope: LimitScope) -> set[str | int]:
        """The subjects of which something is drawn already."""
        place = (ca.directory, scope.word)
        return {subject for *counted, subject in self.books if tuple(counted) == place}

    def _bind_sets(self) -> None:
        """The same for each exact set of names: those that are alike stand together once they are sorted."""
        scope = LimitScope.CERTIFICATES_PER_SET
        drawing: dict[str, list[int]] = {}
        for place, way in self._drawing(scope):
            drawing.setdefault(way.rules.directory, []).append(place)
        names = self.fleet.names.__getitem__
        for directory, places in drawing.items():
            ca, known = self.rules[directory], self._known(self.rules[directory], scope)
            enough = self._enough(ca, scope)
            places.sort(key=names)
            for digest, alike in groupby(places, key=names):
                found = list(alike)
                if len(found) >= enough or digest in known:
                    self._bind_set(ca, digest, found)

    def _enough(self, ca: CaRules, scope: LimitScope) -> float:
        """Fewer that are alike cannot meet that limit, whatever their kinds."""
        limit = _limit(ca, scope)
        ways = [way for ways in self.alternatives for way in ways if way.rules is ca]
        most = max(way.at_once(scope) for way in ways)
        rate = max(way.rate(scope) for way in ways)
        often = _SECOND / (rate * interval(limit)) if rate else NEVER
        return min(usable(limit, urgent=False) / most, often)

    def _bind_set(self, ca: CaRules, digest: int, places: list[int]) -> None:
        scope = LimitScope.CERTIFICATES_PER_SET
        limit = _limit(ca, scope)
        ways = [way for place in places for way in self.alternatives[self.fleet.kind[place]] if way.rules is ca]
        rate = sum(way.rate(scope) for way in ways)
        tat = self._tat(ca, limit, digest)
        if _may_meet(limit, sum(way.at_once(scope) for way in ways), rate, self._used(limit, tat)):
            self._bucket(Bucket(ca, limit, "", tat, places[0]), digest)

    def _put(self, place: int) -> None:
        """One certificate's next order, and what it belongs to from then on."""
        number, ends = self.fleet.kind[place], self.fleet.ends[place]
        way, tables = self.ways[number], self.tables[number]
        issuer = way.issuer(ends, self.steps.start)
        firsts = tuple([self._draws(first, place) for first, _ in tables])
        again = tuple([self._draws(renewal, place) for _, renewal in tables])
        key = (number, issuer, firsts, again)
        if key not in self.starts:
            self.starts[key] = self._start(way, issuer, firsts, again)
        cohort = self.starts[key]
        self.owed += way.weight
        count = int(self.owed + _ROUNDING)
        self.owed -= count
        self.built.chosen += count if way.kind.chosen else 0
        due, deadline = self._when(way, self.fleet.due[place], ends)
        if due < self.steps.count:
            self.built.arrivals[due][cohort, deadline] += count

    def _start(self, way: Way, issuer: int, firsts: _Draws, again: _Draws) -> int:
        """The cohort of a certificate that the CA at the place *issuer* has issued. *firsts* and *again* are what its
        orders draw on at each of its CAs."""
        if way.others:
            return self._chain(way, issuer, firsts, again)
        renewed = self._cohort(way, again[0], first=False)
        if not issuer and not way.kind.urgent:
            return renewed
        return self._cohort(way, firsts[0] if issuer else again[0], first=bool(issuer), then=renewed)

    def _chain(self, way: Way, issuer: int, firsts: _Draws, again: _Draws) -> int:
        """The number of the first of the cohorts to which one that asks several CAs may belong, by which of them has
        issued the current one and which is asked."""
        key = (way.kind, issuer, firsts, again)
        number = self.cohorts.get(key)
        if number is None:
            ways = (way, *way.others)
            begin, count = len(self.built.cohorts), len(ways)
            for issued_by in range(count + 1):
                self._links(ways, issued_by, begin, firsts, again)
            number = begin + issuer * count
            if way.kind.urgent:
                number = len(self.built.cohorts)
                self._links(ways, issuer, begin, firsts, again, urgent=True)
            self.cohorts[key] = number
        return number

    def _links(
        self,
        ways: Sequence[Way],
        issuer: int,
        begin: int,
        firsts: _Draws,
        again: _Draws,
        *,
        urgent: bool = False,
    ) -> None:
        """Adds one chain, each link of which leads to the chain of the CA that has issued then."""
        chain = tuple(range(len(self.built.cohorts), len(self.built.cohorts) + len(ways)))
        for place, way in enumerate(ways):
            first = place != issuer
            drawn = firsts[place] if first else again[place]
            pressing = NEVER if urgent else self._pressing(way.kind)
            made = self._made(way, drawn, first=first, then=begin + place * len(ways), pressing=pressing)
            self.built.cohorts.append(replace(made, chain=chain))

    def _when(self, way: Way, due: int, ends: int) -> tuple[int, int]:
        """At which step it is due and after which it is over. A life that is supposed leaves a certificate as far in
        its life as it is."""
        start = self.steps.start
        if ends <= start:
            return self.steps.due(due), NEVER
        if way.after != way.before:
            due = start + (due - start) * way.after // way.before
            ends = max(due, start) + way.kind.lead
        return self.steps.due(due), self.steps.end(ends)

    def _table(self, way: Way, scopes: frozenset[LimitScope]) -> Table:
        def bound(scope: LimitScope) -> Mapping[object, int]:
            return self.buckets.get((way.rules.directory, scope), {}) if scope in scopes else {}

        account = bound(LimitScope.ORDERS_PER_ACCOUNT).get(way.kind.account)
        return Table(
            shared=() if account is None else (account,),
            domains=bound(LimitScope.CERTIFICATES_PER_DOMAIN),
            sets=bound(LimitScope.CERTIFICATES_PER_SET),
        )

    def _draws(self, table: Table, place: int) -> tuple[int, ...]:
        """The buckets that an order of this certificate draws on: its account's first."""
        if not table.domains and not table.sets:
            return table.shared
        found = [table.domains.get(domain) for domain in self._domains_of(place)]
        found.append(table.sets.get(self.fleet.names[place]))
        return (*table.shared, *(number for number in found if number is not None))

    def _onboard(self) -> None:
        """Those that are supposed to come, evenly: at the CA that most are asked of, or the one that is supposed."""
        if not self.change.onboard or not self.ways:
            return
        usual = Counter(self.fleet.kind).most_common()
        way = next((self.ways[number] for number, _ in usual if self.ways[number].kind.chosen), self.ways[0])
        cohort = self._onboarded(way)
        each = self.change.onboard * self.steps.size
        for step in range(self.steps.count):
            count = (step + 1) * each // _DAY - step * each // _DAY
            if count:
                self.built.arrivals[step][cohort, NEVER] += count
                self.built.chosen += count

    def _onboarded(self, way: Way) -> int:
        """The cohort of those that come."""
        ways = (way, *way.others)
        firsts = tuple(self._onboarding_draws(each) for each in ways)
        again = tuple(
            tuple(number for number in numbers if self.built.buckets[number].limit.scope in each.renewal)
            for each, numbers in zip(ways, firsts, strict=True)
        )
        if way.others:
            return self._chain(way, len(ways), firsts, again)
        return self._cohort(way, firsts[0], first=True, then=self._cohort(way, again[0], first=False))

    def _onboarding_draws(self, way: Way) -> tuple[int, ...]:
        drawn = [self.buckets.get((way.rules.directory, LimitScope.ORDERS_PER_ACCOUNT), {}).get(way.kind.account)]
        if self.change.under:
            drawn.append(self._onboarding_domain(way.rules))
        return tuple(number for number in drawn if number is not None)

    def _onboarding_domain(self, ca: CaRules) -> int | None:
        limit = next((each for each in ca.limits if each.scope is LimitScope.CERTIFICATES_PER_DOMAIN), None)
        if limit is None:
            return None
        under = self.change.under
        bucket = Bucket(ca, limit, under, self._tat(ca, limit, under))
        return self._bucket(bucket, self.fleet.domains.get(under, under))

    def _cohort(self, way: Way, drawn: tuple[int, ...], *, first: bool, then: int | None = None) -> int:
        """The number of those that are alike. What is renewed stays what it is."""
        kind = way.kind
        pressing = NEVER if kind.urgent and then is not None else self._pressing(kind)
        key = (drawn, first, then, kind.life, kind.lead, kind.windows, kind.freezes, kind.chosen, pressing, kind.ca)
        number = self.cohorts.get(key)
        if number is None:
            number = self.cohorts[key] = len(self.built.cohorts)
            itself = number if then is None else then
            self.built.cohorts.append(self._made(way, drawn, first=first, then=itself, pressing=pressing))
        return number

    def _made(self, way: Way, drawn: tuple[int, ...], *, first: bool, then: int, pressing: int) -> Cohort:
        kind = way.kind
        after, life = max(1, way.after // self.steps.size), kind.life // self.steps.size
        return Cohort(
            lane=self._lane(drawn),
            draws=drawn,
            interval=after,
            slack=max(0, life - after),
            then=then,
            terms=Terms(windows=kind.windows, freezes=kind.freezes) if kind.windows or kind.freezes else None,
            first=first,
            chosen=kind.chosen,
            # Where the CA suggests when to renew, nothing is spread.
            spread=int(after * TOGETHER) if first and not kind.ari else 0,
            pressing=pressing,
            ca=self._ca(way.rules),
        )

    def _ca(self, ca: CaRules) -> int:
        if ca.directory not in self.cas:
            self.cas[ca.directory] = len(self.cas)
            self.built.cas.append(ca)
        return self.cas[ca.directory]

    def _pressing(self, kind: Kind) -> int:
        """With how many steps left it is urgent."""
        return self.steps.before_end(int(kind.life * left_when_urgent(kind.criticality)))

    def _lane(self, drawn: tuple[int, ...]) -> int:
        scopes = {self.built.buckets[number].limit.scope: number for number in drawn}
        return scopes.get(LimitScope.ORDERS_PER_ACCOUNT, FREE)

    def _bind_accounts(self) -> None:
        for ways in self.alternatives:
            for way in ways:
                self._account(way.rules, way.kind.account)

    def _account(self, ca: CaRules, account: str) -> None:
        for limit in ca.limits:
            if limit.scope is LimitScope.ORDERS_PER_ACCOUNT:
                tat = self._tat(ca, limit, account)
                self._bucket(Bucket(ca, limit, account, tat, cost=self.attempts), account)

    def _bucket(self, bucket: Bucket, subject: object) -> int:
        bound = self.buckets.setdefault((bucket.ca.directory, bucket.limit.scope), {})
        if subject not in bound:
            bound[subject] = len(self.built.buckets)
            self.built.buckets.append(bucket)
        return bound[subject]

    def _tat(self, ca: CaRules, limit: Limit, subject: str | int) -> int:
        return self.books.get((ca.directory, limit.scope.word, subject), 0)

    def _used(self, limit: Limit, tat: int) -> float:
        return max(0, tat - self.steps.start * _SECOND) / interval(limit)


def _limit(ca: CaRules, scope: LimitScope) -> Limit:
    return next(limit for limit in ca.limits if limit.scope is scope)


def _may_meet(limit: Limit, count: float, rate: float, used: float) -> bool:
    """Whether so many certificates that order again at such a rate can ever find the bucket empty: in any time *t* they
    order at most *count* + *rate* t."""
    return count + used > usable(limit, urgent=False) or rate * interval(limit) > _SECOND
