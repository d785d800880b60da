"""Lanes: no more certificates at once than an account at a CA, or a zone at a DNS provider, was declared to take.

Rules of this file:

* Counted in the store, and so of all nodes together: a CA that limits pending authorizations, and a DNS API that loses
  one of two changes made at once, do not care which node it was.
* Who finds a lane full holds no worker: it stands in line, is called in when its turn comes, and looks by itself only
  where nobody called it for longer than all those before it can take.
* Who has a place and has to wait for long gives it up, with what was ordered, unless only its CA has something to do.
  One that fails holds up nobody else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zlib import crc32

from evercert.db.protocol import Database, Statement
from evercert.engine.asking.choosing import Ask, cas_of
from evercert.engine.limits.budget import BY_RECORD, account_digest
from evercert.engine.limits.holding import Held
from evercert.engine.limits.spending import called
from evercert.engine.urgency import urgent_from
from evercert.model.access import CaAccess
from evercert.model.fact import CertificateFact, Hold, Issuance, IssuanceStatus
from evercert.model.intent import CertificateIntent, challenge_rule_for
from evercert.model.terms import CaChoice
from evercert.store import cas, issuances, lanes

__all__ = [
    "Full",
    "Lane",
    "call_in",
    "entering",
    "full_among",
    "in_line",
    "lanes_at",
    "lanes_of",
    "places_given_up",
    "with_room",
]

# So long may an attempt wait for a CA (issue/attempt.py), and so long is a place worth more than what it would cost to
# order anew: the first two failures of a certificate are followed by the next attempt within it.
_PATIENCE: Final = timedelta(minutes=15)

# Everybody looks once a day, as with limits: a lane may have been widened meanwhile.
_LONGEST: Final = timedelta(days=1)

_PATTERN: Final = set("*?[")


@dataclass(frozen=True, slots=True, order=True)
class Lane:
    """So many places at once (*most*); *words* is where, after `at a time`."""

    key: str
    most: int
    words: str

    @property
    def full(self) -> str:
        """That it has no room, as a clause."""
        return f"{self.most} at a time {self.words}, and so many are under way"


class Full(Held):
    """A lane has no place left. Its own class because whoever meets it stands in line; no CA is the worse for it."""

    def __init__(self, lane: Lane, ca: str, now: datetime) -> None:
        super().__init__(lane.full, now, now + _PATIENCE, ca=ca)
        self.lane = lane


async def lanes_of(db: Database, intent: CertificateIntent, ca: CaChoice) -> tuple[Lane, ...]:
    """Those in which an order of that account at that CA needs a place, in the order of their keys."""
    return lanes_at(await cas.access(db, ca.directory), intent, ca.account)


def lanes_at(access: CaAccess, intent: CertificateIntent, account: str) -> tuple[Lane, ...]:
    """The same at a CA of which that is known. Pure."""
    found = set(_dns_lanes(intent))
    if access.concurrency:
        words = f"are ordered from {called(access.directory)} by account {account}"
        found.add(Lane(f"{access.directory} {account}", access.concurrency, words))
    return tuple(sorted(found))


def _dns_lanes(intent: CertificateIntent) -> Iterator[Lane]:
    for identifier in intent.identifiers:
        rule = challenge_rule_for(intent, identifier, BY_RECORD)
        most = rule.options.get("concurrency", "") if rule else ""
        if rule and most.isdecimal() and int(most):
            # A rule of a declared DNS account is for one of its zones; any other stands for the account.
            zone = rule.options.get("zone") or rule.match.removeprefix("*.")
            zone = "" if _PATTERN & set(zone) else zone
            words = f"are proved through {rule.solver}" + (f" in {zone}" if zone else "")
            yield Lane(f"dns:{rule.solver} {account_digest(rule.options)} {zone}", int(most), words)


def entering(found: Sequence[Lane], certificate: str, now: datetime) -> list[Statement]:
    """The statements, for the transaction of what is ordered, after which it has a place in each of them."""
    return [each for lane in found for each in lanes.entered(lane.key, certificate, lane.most, now)]


async def full_among(db: Database, found: Sequence[Lane], certificate: str, now: datetime) -> Lane | None:
    """The first of these lanes in which there is no place for it."""
    for lane in found:
        if await lanes.others(db, lane.key, certificate, now) >= lane.most:
            return lane
    return None


async def with_room(
    db: Database,
    certificate: str,
    choice: Ask,
    found: Mapping[CaChoice, Sequence[Lane]],
    begun: Mapping[CaChoice, Issuance],
    now: datetime,
) -> Ask | Full:
    """Those that are asked and have a place for it in the lanes *found*, or why not even one has. What was ordered has
    its place."""
    refused: dict[CaChoice, Full] = {}
    for ca in choice.cas:
        issuance = begun.get(ca)
        if issuance is not None and issuance.status is not IssuanceStatus.KEYED:
            continue
        if lane := await full_among(db, found[ca], certificate, now):
            refused[ca] = Full(lane, ca.directory, now)
    if len(refused) == len(choice.cas):
        return refused[choice.cas[0]]
    return Ask(tuple(ca for ca in choice.cas if ca not in refused), choice.passed)


async def in_line(db: Database, fact: CertificateFact, full: Full, now: datetime) -> Hold:
    """Why it waits, and until when at most: as long as all before it can take, if nobody calls it in sooner."""
    lane = full.lane
    most = lane.most * (_LONGEST // _PATIENCE)
    ahead = await lanes.waiting(db, lane.key, fact.intent.name, most)
    until = now + _PATIENCE * (2 + ahead // lane.most)
    if ahead >= most:  # not all at one moment
        until = now + _LONGEST * (1 + crc32(fact.intent.name.encode()) / 2**32)
    since = urgent_from(fact)
    if since and now < since < until:
        until = since  # then it goes before others
    return Hold(until, f"{lane.full}; {_many(ahead, most)} before it", full.ca, in_line=True)


async def call_in(db: Database, left: Iterable[Lane], now: datetime) -> None:
    """Afterwards no place is free in those lanes that somebody waits for."""
    for lane in sorted(set(left)):
        await lanes.call_in(db, lane.key, lane.most, now)


async def places_given_up(
    db: Database,
    fact: CertificateFact,
    begun: Mapping[CaChoice, Issuance],
    until: datetime,
    now: datetime,
    processing: Collection[CaChoice] = (),
) -> list[Statement]:
    """The statements for one that has to wait until that moment: nothing, unless it has places in lanes, and longer
    than they are worth it. What was ordered there is given up with them, but for what those CAs are *processing*: that
    is proved, and each that followed it would take as long."""
    if until - now <= _PATIENCE:
        return []
    gone: list[Statement] = []
    for ca in cas_of(fact.intent, fact.incident_ca):
        if not (found := await lanes_of(db, fact.intent, ca)):
            continue
        if ca in processing:
            gone += (lanes.emptied(lane.key, fact.intent.name) for lane in found)
            continue
        gone.append(lanes.left(fact.intent.name))
        issuance = begun.get(ca)
        if issuance is not None and issuance.status is not IssuanceStatus.KEYED:
            reason = f"it has to wait until {until:%Y-%m-%d %H:%M} UTC, and others wait for its place"
            gone += issuances.abandoned(issuance, reason, now)
    return gone


def _many(ahead: int, most: int) -> str:
    if ahead >= most:
        return f"more than {most} wait"
    return "1 waits" if ahead == 1 else f"{ahead or 'none'} wait"
