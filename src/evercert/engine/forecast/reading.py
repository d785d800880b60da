"""The fleet and the CAs' limits as the store knows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from evercert.acme.cas import KNOWN_CAS, LimitScope
from evercert.db.protocol import Database
from evercert.engine.asking.choosing import cas_of
from evercert.engine.forecast.change import MOST_FAILING, lead_of
from evercert.engine.forecast.fleet import CaRules, Fleet, Kind, OtherCa
from evercert.engine.forecast.model import Books
from evercert.engine.forecast.way import counted_by
from evercert.engine.limits.budget import limits_of, set_digest
from evercert.engine.plan import renewal_moment
from evercert.engine.urgency import is_urgent
from evercert.model.fact import CertificateFact
from evercert.model.intent import CertificateIntent, RenewPolicy, challenge_rule_for, is_called
from evercert.model.terms import Criticality
from evercert.observe.registered_domain import registered_domain
from evercert.store import budgets, cas, certificates, directories, quotas

__all__ = ["Choice", "Known", "read_failing", "read_fleet", "read_rules", "sampled"]

# So many facts are in memory at once.
_PAGE = 2_000
_MINUTE = 60
# What the share of failed attempts is taken from, as if there had been so many of them at least: one of two is no half.
_WEEKS = timedelta(weeks=4)
_FEW = 100
_DNS = {"dns-01", "dns-account-01"}
_KNOWN = {ca.directory: ca for ca in KNOWN_CAS}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which certificates the question is about; all where nothing is said."""

    ca: str = ""
    owner: str = ""
    tag: str = ""
    match: str = "*"

    def __contains__(self, intent: CertificateIntent) -> bool:
        return (
            self.owner in {"", intent.terms.owner}
            and (not self.tag or self.tag in intent.terms.tags)
            and (self.match == "*" or is_called(intent.name, intent.identifiers, self.match))
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What a forecast begins with."""

    fleet: Fleet
    rules: Mapping[str, CaRules]
    books: Books


async def read_fleet(db: Database, now: datetime, choice: Choice, *also: str) -> Known:
    """Page by page, each from a snapshot of its own: a forecast does not mind. The rules are those of all CAs that are
    asked and of those directories *also*."""
    fleet = Fleet(int(now.timestamp()))
    rules = {directory: await read_rules(db, directory) for directory in also}
    reading = _Reading(fleet, now, choice, rules, moving=bool(also))
    after = ""
    while page := await certificates.page(db, after, _PAGE):
        for fact, ca, account in page:
            if _is_reckoned(fact, choice):
                for each in _asked(fact.intent):
                    if each not in rules:
                        rules[each] = await read_rules(db, each)
                reading.add(fact, (ca, account))
            elif fact.stopped:
                fleet.stopped += fact.intent in choice
        after = page[-1][0].intent.name
    reading.close()
    return Known(fleet, rules, await _books(db, rules))


async def read_rules(db: Database, directory: str) -> CaRules:
    """What is known of that CA, as it is declared for this installation."""
    known = _KNOWN.get(directory)
    said = await directories.remembered(db, directory)
    ari = "renewalInfo" in said if said else bool(known and "ari" in known.features)
    limits = limits_of(await cas.access(db, directory))
    return CaRules(known.id if known else urlsplit(directory).hostname or directory, directory, limits, ari)


async def read_failing(db: Database, now: datetime) -> float:
    """Which part of the orders of the last four weeks came to nothing."""
    ended, in_vain = await quotas.ended_since(db, now - _WEEKS)
    return min(in_vain / max(ended, _FEW), MOST_FAILING)


async def sampled(db: Database, choice: Choice, places: Collection[int]) -> dict[int, str]:
    """The names of the certificates that are at those places in the fleet (unless it changed meanwhile)."""
    names: dict[int, str] = {}
    place, after = 0, ""
    while len(names) < len(set(places)) and (page := await certificates.page(db, after, _PAGE)):
        for fact, _, _ in page:
            if _is_reckoned(fact, choice):
                if place in places:
                    names[place] = fact.intent.name
                place += 1
        after = page[-1][0].intent.name
    return names


def _is_reckoned(fact: CertificateFact, choice: Choice) -> bool:
    return choice.ca in {"", fact.intent.ca} and not fact.leaving and not fact.stopped


def _asked(intent: CertificateIntent) -> tuple[str, ...]:
    """The directories of its CAs."""
    further = intent.terms.further_cas
    return (intent.ca, *(each.directory for each in further)) if further else (intent.ca,)


async def _books(db: Database, rules: Mapping[str, CaRules]) -> Books:
    """What is drawn already. Of an exact set the ledger keeps a digest, and the fleet its beginning as a number."""
    books: dict[tuple[str, str, str | int], int] = {}
    for directory in rules:
        for bucket in await budgets.at(db, directory):
            ca, scope, subject = bucket.key
            books[ca, scope, _number(subject) if scope == "set" else subject] = max(bucket.tat, bucket.learned_until)
    return books


@dataclass(slots=True)
class _Reading:
    fleet: Fleet
    now: datetime
    choice: Choice
    rules: Mapping[str, CaRules]
    # Everything will be a first certificate elsewhere.
    moving: bool
    # How long those live that there are, by CA and profile: new ones will live as long.
    lives: dict[tuple[str, str], Counter[int]] = field(default_factory=dict)
    counted: dict[tuple[str, bool, bool, tuple[OtherCa, ...]], frozenset[LimitScope]] = field(default_factory=dict)

    def add(self, fact: CertificateFact, issued_by: tuple[str, str]) -> None:
        intent, chosen = fact.intent, fact.intent in self.choice
        kind = self._kind(fact, issued_by, chosen=chosen)
        ends = int(fact.current.not_after.timestamp()) if fact.current else 0
        self.fleet.failing_over += chosen and bool(intent.terms.further_cas) and not self.moving
        scopes = self._scopes(kind, ends)
        by_domain, by_set = LimitScope.CERTIFICATES_PER_DOMAIN in scopes, LimitScope.CERTIFICATES_PER_SET in scopes
        self.fleet.add(
            kind,
            int(self._due(fact).timestamp()),
            ends,
            {registered_domain(each) for each in intent.identifiers} if by_domain else (),
            _number(set_digest(intent.identifiers)) if by_set else 0,
            dns=_proved_by_dns(intent),
            size=len(intent.identifiers),
        )

    def _scopes(self, kind: Kind, ends: int) -> Collection[LimitScope]:
        """By what any of its orders may be counted: nothing else need be known of it."""
        if self.moving:
            return frozenset(LimitScope)
        # Whoever went to another CA comes back as a new customer.
        first = kind.foreign or ends <= self.fleet.start or bool(kind.further)
        key = (kind.ca, kind.ari, first, kind.further)
        if key not in self.counted:
            limits = self.rules[kind.ca].limits
            again = counted_by(limits, renewal=True, ari=kind.ari)
            others = (counted_by(self.rules[each.ca].limits) for each in kind.further)
            self.counted[key] = again.union(counted_by(limits) if first else (), *others)
        return self.counted[key]

    def close(self) -> None:
        """Once all were added: those that were never issued live as long as most of their like."""
        for number, kind in enumerate(self.fleet.kinds):
            life = kind.life or self._usual_life(kind)
            self.fleet.kinds[number] = replace(kind, life=life, lead=kind.lead or lead_of(life, RenewPolicy()))

    def _usual_life(self, kind: Kind) -> int:
        alike = self.lives.get((kind.ca, kind.profile))
        return alike.most_common(1)[0][0] if alike else CaRules("", "").life

    def _due(self, fact: CertificateFact) -> datetime:
        if fact.current is None or fact.forced or fact.incident_id is not None:
            return self.now
        return renewal_moment(fact, fact.current)[0]

    def _kind(self, fact: CertificateFact, issued_by: tuple[str, str], *, chosen: bool) -> Kind:
        intent, current = fact.intent, fact.current
        life = round(current.lifetime.total_seconds() / _MINUTE) * _MINUTE if current else intent.lifetime
        if current:
            self.lives.setdefault((intent.ca, intent.profile), Counter())[life] += 1
        ari = intent.renew.use_ari and self.rules[intent.ca].ari
        further = self._further(intent) if intent.terms.further_cas else ()
        return Kind(
            ca=intent.ca,
            account=intent.account,
            life=life,
            # A CA that suggests when to renew suggests what is usual.
            lead=lead_of(life, RenewPolicy() if ari else intent.renew),
            ari=ari,
            windows=intent.terms.windows,
            freezes=intent.terms.freezes,
            chosen=chosen,
            foreign=current is not None and issued_by != (intent.ca, intent.account),
            profile=intent.profile,
            criticality=intent.terms.criticality,
            urgent=self._is_urgent(fact),
            further=further,
            issued_by=_place_of(issued_by, further) if current and further else 0,
        )

    def _further(self, intent: CertificateIntent) -> tuple[OtherCa, ...]:
        use_ari = intent.renew.use_ari
        return tuple(
            OtherCa(each.directory, each.account, use_ari and self.rules[each.directory].ari)
            for each in cas_of(intent)[1:]
        )

    def _is_urgent(self, fact: CertificateFact) -> bool:
        """Whatever the life that is left. A critical one without a certificate is so in an hour: as good as now."""
        if fact.current is None:
            return fact.intent.terms.criticality is Criticality.CRITICAL
        return fact.incident_id is not None or (fact.current.revoked_at is not None and is_urgent(fact, self.now))


def _place_of(issued_by: tuple[str, str], further: Sequence[OtherCa]) -> int:
    """Which of the further CAs it was, from 1 on; 0 if none."""
    places = (place for place, each in enumerate(further, 1) if (each.ca, each.account) == issued_by)
    return next(places, 0)


def _number(digest: str) -> int:
    """The first 60 bits of a digest, which fit a column of the fleet."""
    return int(digest[:15], 16)


def _proved_by_dns(intent: CertificateIntent) -> int:
    """How many of its names are proved by records that are put in DNS and taken away again."""
    types = {rule.type for rule in intent.challenges}
    if types.isdisjoint(_DNS):
        return 0
    rules = (challenge_rule_for(intent, each, types) for each in intent.identifiers)
    return sum(rule is not None and rule.type in _DNS for rule in rules)
