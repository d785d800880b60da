"""The same arithmetic without cleverness: each certificate by itself, all limits, everybody asked at every step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from evercert.acme.cas import Limit, LimitScope
from evercert.engine.forecast.fleet import CaRules, Fleet
from evercert.engine.forecast.model import FREE, NEVER, Model, Steps
from evercert.engine.limits.budget import drawn, left, usable
from evercert.engine.urgency import left_when_urgent

__all__ = ["Certificate", "Told", "play_fleet", "play_model"]

SECOND = 1_000_000


@dataclass
class Certificate:
    """When it is due and after which step it is over; what its next order draws on, and all that come after. With
    `pressing` steps left it is urgent, and with `again_pressing` all that come after."""

    due: int
    deadline: int
    draws: tuple[object, ...]
    again: tuple[object, ...]
    interval: int
    slack: int
    order: tuple[int, ...] = (0, 0)
    again_order: tuple[int, ...] = (0, 0)
    pressing: int = 0
    again_pressing: int = 0


@dataclass
class Told:
    granted: Counter[int] = field(default_factory=Counter)
    waits: Counter[int] = field(default_factory=Counter)
    lapsed: Counter[int] = field(default_factory=Counter)


def play(certificates: list[Certificate], limits: dict[object, Limit], steps: Steps) -> Told:
    told, tats = Told(), dict.fromkeys(limits, 0)
    for step in range(steps.count):
        now = steps.moment(step) * SECOND

        def room(bucket: object, urgent: bool, now: int = now) -> bool:
            limit = limits[bucket]
            return left(limit, tats[bucket], now) - limit.count + usable(limit, urgent=urgent) > 0

        waiting = [each for each in certificates if each.due <= step]
        for each in sorted(
            waiting, key=lambda each: (each.order[0], each.deadline - each.pressing, each.due, each.order[1])
        ):
            if not all(room(bucket, each.deadline - each.pressing <= step) for bucket in each.draws):
                told.waits[step] += 1
                continue
            for bucket in each.draws:
                tats[bucket] = drawn(limits[bucket], tats[bucket], now)
            told.granted[step] += 1
            told.lapsed[each.deadline] += each.deadline < step
            each.draws, each.order, each.pressing = each.again, each.again_order, each.again_pressing
            each.due, each.deadline = step + each.interval, step + each.interval + each.slack
    for each in certificates:
        told.lapsed[each.deadline] += each.due < steps.count and each.deadline < steps.count
    told.lapsed += Counter()
    return told


def play_model(model: Model) -> Told:
    """The cohorts, taken apart into certificates; asked in the order that the course promises."""
    certificates = []
    for step, due in model.arrivals.items():
        for (number, deadline), count in due.items():
            cohort = model.cohorts[number]
            then = model.cohorts[cohort.then]
            certificates += [
                Certificate(
                    step,
                    deadline,
                    cohort.draws,
                    then.draws,
                    then.interval,
                    then.slack,
                    (cohort.lane, number),
                    (then.lane, cohort.then),
                    cohort.pressing,
                    then.pressing,
                )
                for _ in range(count)
            ]
    return play(certificates, {number: each.limit for number, each in enumerate(model.buckets)}, model.steps)


def play_fleet(fleet: Fleet, ca: CaRules, steps: Steps) -> Told:
    """The fleet itself, with all limits, also those that cannot be met."""
    kinds, domains, several = fleet.kinds, list(fleet.domains), list(fleet.several)
    certificates, limits = [], dict[object, Limit]()
    for number, due, ends, domain, names in zip(
        fleet.kind, fleet.due, fleet.ends, fleet.domain, fleet.names, strict=True
    ):
        kind = kinds[number]
        under = [domains[each] for each in ((domain,) if domain >= 0 else several[-1 - domain])]
        subjects: dict[LimitScope, list[object]] = {
            LimitScope.ORDERS_PER_ACCOUNT: [kind.account],
            LimitScope.CERTIFICATES_PER_DOMAIN: list(under),
            LimitScope.CERTIFICATES_PER_SET: [names],
        }
        all_of: dict[object, Limit] = {
            (limit.scope, subject): limit for limit in ca.limits for subject in subjects[limit.scope]
        }
        limits |= all_of
        again = {
            key: limit
            for key, limit in all_of.items()
            if not limit.renewal_exempt and not (limit.ari_exempt and kind.ari)
        }
        first = ends <= steps.start
        interval = (kind.life - kind.lead) // steps.size
        pressing = steps.before_end(int(kind.life * left_when_urgent(kind.criticality)))
        certificates.append(
            Certificate(
                steps.due(due),
                NEVER if first else steps.end(ends),
                tuple(all_of if first else again),
                tuple(again),
                interval,
                kind.life // steps.size - interval,
                (FREE, 0),
                (FREE, 0),
                NEVER if kind.urgent else pressing,
                pressing,
            )
        )
    return play(certificates, limits, steps)
