"""What the fleet asks of the world: of CAs, of DNS, of the disk, and how much patience it has with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from evercert.acme.ari import usual_poll
from evercert.engine.forecast.change import Change
from evercert.engine.forecast.course import Course
from evercert.engine.forecast.fleet import Fleet, Kind
from evercert.store.retention import Retention

__all__ = ["Figures", "figures_of"]

_DAY, _HOUR = 86_400, 3600

# newOrder, an authorization, its challenge, two looks at it, finalize, a look at the order, the certificate.
REQUESTS = 8
# A record is put there and taken away.
DNS_CHANGES = 2
# What a certificate takes in the store, and each of its issuances (body, key, order, events, indexes). Counted in
# SQLite over 600 issuances by a CA of the tests: 2.0 and 3.1 kB; what public CAs issue is half a kB larger and more.
CERTIFICATE_BYTES = 2_000
ISSUANCE_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class Figures:
    """As if there were no limits. `life` and `every` (from one order to the next) are those of most certificates, in
    seconds; `tolerance` says for how many seconds a CA may not answer before the first certificate lapses, at the worst
    moment; zero certificates have none of these. `stored` is how large the store gets, in bytes. `failing` is the part
    of all attempts that is in vain; each of them is an order, with what it asks of the world."""

    certificates: int
    life: int
    every: int
    orders_per_day: float
    busiest_day: int
    busiest_hour: int
    requests_per_second: float
    peak_requests_per_second: float
    validations_per_second: float
    peak_validations_per_second: float
    dns_changes_per_day: float
    stored: int
    tolerance: int
    failing: float = 0.0


def figures_of(fleet: Fleet, change: Change, asked: Course, certificates: int, failing: float) -> Figures:
    """*asked* is the course without limits; *certificates* are those there are at its end."""
    kinds = _kinds(fleet, change)
    usual = max(kinds, key=kinds.__getitem__, default=None)
    if usual and change.onboard:
        kinds[usual] += certificates - sum(kinds.values())
    days = asked.steps.size * asked.steps.count / _DAY
    attempts = 1 / (1 - failing)
    per_day = attempts * sum(asked.due) / days
    busiest = ceil(attempts * _busiest(asked, _HOUR))
    polls = sum(count / _poll(kind) for kind, count in kinds.items() if kind.ari)
    each, by_dns = _names(fleet)
    return Figures(
        certificates=certificates,
        life=usual.life if usual else 0,
        every=usual.life - usual.lead if usual else 0,
        orders_per_day=per_day,
        busiest_day=ceil(attempts * _busiest(asked, _DAY)),
        busiest_hour=busiest,
        requests_per_second=polls + per_day * REQUESTS / _DAY,
        peak_requests_per_second=polls + busiest * REQUESTS / _HOUR,
        validations_per_second=per_day * each / _DAY,
        peak_validations_per_second=busiest * each / _HOUR,
        dns_changes_per_day=per_day * by_dns * DNS_CHANGES,
        stored=round(sum(count * _bytes(kind) for kind, count in kinds.items())),
        tolerance=_tolerance(fleet, change, kinds),
        failing=failing,
    )


def _kinds(fleet: Fleet, change: Change) -> dict[Kind, float]:
    """How many of each kind there are, changed as supposed."""
    kinds: dict[Kind, float] = {}
    for kind, count in zip(fleet.kinds, _counts(fleet), strict=True):
        if kind.chosen:
            changed = change.of(kind)
            kinds[changed] = kinds.get(changed, 0) + count * change.growth
    return kinds


def _poll(kind: Kind) -> float:
    return usual_poll(timedelta(seconds=kind.life)).total_seconds()


def _busiest(asked: Course, span: int) -> int:
    """The most orders in any *span* seconds that begin at a step."""
    width = max(1, span // asked.steps.size)
    total = most = sum(asked.due[:width])
    for left, entered in zip(asked.due, asked.due[width:], strict=False):
        total += entered - left
        most = max(most, total)
    return most


def _names(fleet: Fleet) -> tuple[float, float]:
    """How many names a certificate has, and how many of them are proved by a record in DNS."""
    chosen = sum(count for kind, count in zip(fleet.kinds, _counts(fleet), strict=True) if kind.chosen)
    return (fleet.identifiers / chosen, fleet.dns_identifiers / chosen) if chosen else (0.0, 0.0)


def _counts(fleet: Fleet) -> list[int]:
    counts = Counter(fleet.kind)
    return [counts[number] for number in range(len(fleet.kinds))]


def _bytes(kind: Kind) -> float:
    """Of one certificate in the store, with its old ones for as long as retention keeps them."""
    kept = 1 + (kind.lead + Retention().expired.total_seconds()) / max(1, kind.life - kind.lead)
    return CERTIFICATE_BYTES + kept * ISSUANCE_BYTES


def _tolerance(fleet: Fleet, change: Change, kinds: Mapping[Kind, float]) -> int:
    """From the moment at which one is due to its end, of the one where that is least. A life that is supposed counts
    from the beginning; without one, what there is counts too, for it may be late."""
    chosen = {number for number, kind in enumerate(fleet.kinds) if kind.chosen}
    leads = [kind.lead for kind, count in kinds.items() if count]
    if not change.life:
        leads += (
            ends - max(due, fleet.start)
            for number, due, ends in zip(fleet.kind, fleet.due, fleet.ends, strict=True)
            if ends > fleet.start and number in chosen
        )
    return min(leads, default=0)
