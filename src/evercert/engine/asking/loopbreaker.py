"""The loop-breaker: a certificate that is ordered again and again is stopped, and that is an event.

It stands outside of the plan, because it is there for the case that the plan, a CA, or two who declare the same thing
differently, are wrong. Nothing else that is in order comes near its limits: the schedule renews once in that time, the
back-off places some five orders in an hour, and the worker issues once in one go (engine/work.py), which slows a loop
down but does not end it. Loops of this kind have cost others millions of requests (cert-manager #8380) or all that a CA
allows in a week.

What a person asked for, an incident, and a revocation are no loop. A person who looks after the certificate (`renew`,
`tasks run`, `tasks retry`, `tasks resume`, `obtain`) begins the count anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evercert.base.backoff import pressing_delay
from evercert.base.clock import Clock
from evercert.db.protocol import Database
from evercert.engine.plan import renewal_fraction
from evercert.engine.report import Telling
from evercert.engine.work import Hand
from evercert.model.fact import Cause, CertificateFact
from evercert.model.task import Task
from evercert.store import issuances, tasks
from evercert.store.issuances import Begun

__all__ = ["LoopBreaker", "loop"]

# How often it may become due within a third of its life. On schedule it does once; a CA that moves windows (an incident
# of its own) may have it renewed a second time.
_DUE, _DUE_SHARE = 4, 1 / 3

# How often what is wanted of it may change, as far as that takes another certificate, within a thirtieth of its life
# (three days of ninety). People do that while they try things out; two who undo each other's changes do not tire.
_CHANGED, _CHANGED_SHARE = 10, 1 / 30

# How many orders at one CA may come to nothing within an hour. The back-off allows five, or six with one that was lost;
# its figures are minutes whatever the life, and so is this. What it allows besides, close to the end, is added.
_IN_VAIN, _IN_VAIN_SPAN = 10, timedelta(hours=1)

# What may be a loop. The others have a cause outside, which ends.
_OF_ITSELF = frozenset({Cause.FIRST, Cause.DUE, Cause.ASKED})


@dataclass(frozen=True, slots=True)
class LoopBreaker:
    """Does `Step.ISSUE` by *issue*, unless that would be once too often."""

    issue: Hand
    clock: Clock
    telling: Telling

    async def __call__(self, db: Database, fact: CertificateFact, task: Task) -> bool:
        """What *issue* says; or afterwards the certificate is stopped, with the reason. An order that was begun is gone
        on with in any case."""
        now = self.clock.now()
        if fact.open_issuance is None and fact.rival is None and (reason := await _reason(db, fact, now)):
            self.telling(f"stopped by the loop-breaker: {reason}")
            await tasks.stop(db, fact.intent.name, reason, now)
            return True
        return await self.issue(db, fact, task)


async def _reason(db: Database, fact: CertificateFact, now: datetime) -> str:
    since = now - max(_IN_VAIN_SPAN, fact.current.lifetime if fact.current else timedelta())
    return loop(fact, await issuances.begun_since(db, fact.intent.name, since), now)


def loop(fact: CertificateFact, begun: Sequence[Begun], now: datetime) -> str:
    """Why not to begin another issuance now, or nothing. *begun* are those since a person looked after it, or since a
    life ago. Pure."""
    if fact.cause not in _OF_ITSELF:
        return ""
    # Each member of a merged one comes, goes, fails and returns by itself.
    share = 1 + len(fact.intent.terms.members)
    return (
        _due_too_often(fact, begun, now, _DUE * share)
        or _changed_too_often(fact, begun, now, _CHANGED * share)
        or _in_vain_too_often(fact, begun, now, _IN_VAIN * share)
    )


def _due_too_often(fact: CertificateFact, begun: Sequence[Begun], now: datetime, most: int) -> str:
    if fact.current is None:
        return ""
    life = fact.current.lifetime
    # Whoever has it renewed after a tenth of its life gets that.
    span = life * min(_DUE_SHARE, renewal_fraction(life, fact.intent.renew))
    count = sum(each.issued for each in _within(begun, {Cause.DUE}, now - span))
    return "" if count < most else f"it was renewed {count} times within {_told(span)}, and is due again"


def _changed_too_often(fact: CertificateFact, begun: Sequence[Begun], now: datetime, most: int) -> str:
    if fact.current is None:
        return ""
    span = fact.current.lifetime * _CHANGED_SHARE
    count = sum(each.issued for each in _within(begun, {Cause.ASKED}, now - span))
    if count < most:
        return ""
    return f"what is wanted of it changed {count} times within {_told(span)}: is it declared in two places?"


def _in_vain_too_often(fact: CertificateFact, begun: Sequence[Begun], now: datetime, most: int) -> str:
    if fact.current is not None:
        most += _IN_VAIN_SPAN // pressing_delay(fact.current.not_after - now, fact.current.lifetime)
    lost = [each for each in _within(begun, _OF_ITSELF, now - _IN_VAIN_SPAN) if each.in_vain]
    count = max(Counter(each.account_id for each in lost).values(), default=0)
    return "" if count < most else f"{count} orders came to nothing within {_told(_IN_VAIN_SPAN)}"


def _within(begun: Sequence[Begun], causes: Collection[Cause], since: datetime) -> list[Begun]:
    return [each for each in begun if each.cause in causes and each.at > since]


def _told(span: timedelta) -> str:
    """In days, or in hours where it is shorter than two of them."""
    hours = span / timedelta(hours=1)
    return f"{hours / 24:.0f} days" if hours >= 48 else "an hour" if hours == 1 else f"{hours:.0f} hours"
