"""How long the CAs' limits allow an incident to take, before it is opened. Pure.

Rules of this file:

* What is reckoned is the earliest end: every order as soon as each limit by itself has room for it, and nothing else
  wanted of the CA meanwhile. Machines, validations and deployments take their time besides.
* What the incident wants is urgent: it may use what is kept for such.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from evercert.acme.cas import Limit, LimitScope
from evercert.base.clock import from_epoch, to_epoch
from evercert.engine.incident.selecting import Chosen
from evercert.engine.incident.waves import Ranked, members
from evercert.engine.limits.budget import Draw, drawn, draws, left, room_at
from evercert.model.incident import Measures, Stage
from evercert.model.intent import CertificateIntent
from evercert.store.budgets import Bucket, Key

__all__ = ["Narrow", "Outlook", "Tally", "towards"]

# So many of the limits that hold it up longest are told.
_TOLD = 5


@dataclass(frozen=True, slots=True)
class Narrow:
    """One limit of a CA: so many orders *need* it, *room* is there now, and there is for all by *ends_at*."""

    ca: str
    limit: str
    subject: str
    need: int
    room: int
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an incident would do. `replaced` of the `certificates` need an order; `exempt` of these no limit counts,
    because their CA asks for it (ARI); `superseded` are only revoked; `needs_request` only their owners can replace;
    where `unplaced` are installed is not known. `narrow` are the limits that hold it up, the longest first."""

    certificates: int
    replaced: int
    exempt: int
    superseded: int
    needs_request: int
    unplaced: int
    by_ca: Mapping[str, int]
    by_criticality: Mapping[str, int]
    by_owner: Mapping[str, int]
    waves: Sequence[int]
    narrow: Sequence[Narrow]
    ends_at: datetime


def towards(intent: CertificateIntent, measures: Measures) -> CertificateIntent:
    """What is wanted, of the CA that the incident has asked first."""
    ca = measures.instead
    return msgspec.structs.replace(intent, ca=ca.directory, account=ca.account) if ca else intent


@dataclass(slots=True)
class Tally:
    """Adds up what is chosen, one by one, so that a million certificates need not stand in memory."""

    measures: Measures
    now: datetime
    certificates: int = 0
    exempt: int = 0
    superseded: int = 0
    needs_request: int = 0
    unplaced: int = 0
    by_ca: Counter[str] = field(default_factory=Counter)
    by_criticality: Counter[str] = field(default_factory=Counter)
    by_owner: Counter[str] = field(default_factory=Counter)
    ranks: list[Ranked] = field(default_factory=list)
    # Those that are to be replaced.
    names: list[str] = field(default_factory=list)
    _needs: Counter[Key] = field(default_factory=Counter)
    _limits: dict[Key, tuple[Draw, Limit, str]] = field(default_factory=dict)

    def add(self, chosen: Chosen, rank: Ranked, limits: Sequence[Limit]) -> None:
        """One more certificate; *limits* are those of the CA that is asked for its replacement."""
        terms = chosen.intent.terms
        self.certificates += 1
        self.ranks.append(rank)
        self.by_ca[chosen.ca] += 1
        self.by_criticality[terms.criticality.value] += 1
        self.by_owner[terms.owner] += 1
        self.superseded += not chosen.issued.is_current
        self.needs_request += rank.needs_request
        if chosen.issued.is_current and not rank.needs_request:
            self.names.append(chosen.intent.name)
            self.unplaced += not chosen.intent.targets
            self._draw(chosen, limits)

    def _draw(self, chosen: Chosen, limits: Sequence[Limit]) -> None:
        intent = towards(chosen.intent, self.measures)
        same = chosen.ca == intent.ca
        suggested = chosen.issued.suggested_from
        by_ari = same and intent.renew.use_ari and suggested is not None and suggested <= self.now
        found = draws(intent, limits, renewal=same, ari=by_ari)
        counted = [(draw, draw.limit) for draw in found if draw.limit is not None and draw.cost]
        self.exempt += by_ari and not counted
        for draw, limit in counted:
            key = (intent.ca, *draw.key)
            self._needs[key] += draw.cost
            self._limits[key] = draw, limit, intent.name

    @property
    def keys(self) -> list[Key]:
        """The buckets of the ledger that are drawn on."""
        return list(self._needs)

    def outlook(self, buckets: Iterable[Bucket] = ()) -> Outlook:
        """*buckets* are what the ledger knows of those that are drawn on."""
        known = {bucket.key: bucket for bucket in buckets}
        narrow = [self._narrow(key, known.get(key) or Bucket(key)) for key in self._needs]
        held_up = sorted((each for each in narrow if each.ends_at > self.now), key=lambda each: each.ends_at)[::-1]
        waves = Counter(each.wave for each in members(self.ranks, self.measures) if each.stage is Stage.WAITING)
        return Outlook(
            certificates=self.certificates,
            replaced=self.certificates - self.superseded - self.needs_request,
            exempt=self.exempt,
            superseded=self.superseded,
            needs_request=self.needs_request,
            unplaced=self.unplaced,
            by_ca=dict(self.by_ca.most_common()),
            by_criticality=dict(self.by_criticality.most_common()),
            by_owner=dict(self.by_owner.most_common()),
            waves=[count for _, count in sorted(waves.items())],
            narrow=held_up[:_TOLD],
            ends_at=max((each.ends_at for each in narrow), default=self.now),
        )

    def _narrow(self, key: Key, bucket: Bucket) -> Narrow:
        draw, limit, name = self._limits[key]
        now, need = to_epoch(self.now), self._needs[key]
        # The last one is drawn when those before it are, as if at once: the bucket refills evenly meanwhile.
        ends = max(now, bucket.learned_until, room_at(limit, drawn(limit, bucket.tat, now, need - 1), urgent=True))
        room = 0 if bucket.learned_until > now else left(limit, bucket.tat, now)
        # The ledger knows a set by a digest, which says nothing to people.
        subject = f"as in {name}" if draw.scope is LimitScope.CERTIFICATES_PER_SET else draw.subject
        return Narrow(key[0], draw.scope.value, subject, need, room, from_epoch(ends))
