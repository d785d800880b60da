"""How much a certificate matters now: whether it goes before others, and may use what is kept of the CAs' limits for
such. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from evercert.model.fact import CertificateFact
from evercert.model.terms import Criticality, rank_of

__all__ = ["is_urgent", "left_when_urgent", "rank_at", "urgent_from"]

# With so much of its life left it is urgent. The usual renewal begins with a third left: half of that is for waiting.
_LEFT: Final = {
    Criticality.CRITICAL: 1 / 4,
    Criticality.HIGH: 1 / 5,
    Criticality.NORMAL: 1 / 6,
    Criticality.LOW: 1 / 10,
}

# One that was never issued serves nobody yet; what matters most is waited for all the same.
_FIRST: Final = {Criticality.CRITICAL: timedelta(hours=1)}


def left_when_urgent(criticality: Criticality) -> float:
    """With what part of its life left one of that criticality becomes urgent."""
    return _LEFT[criticality]


def urgent_from(fact: CertificateFact) -> datetime | None:
    """From when on it is urgent; None if never, as things stand. What was revoked is at once, and so is what an
    incident has replaced: that is when it will be revoked."""
    current, criticality = fact.current, fact.intent.terms.criticality
    if current is None:
        patience = _FIRST.get(criticality)
        return fact.created_at + patience if fact.created_at and patience else None
    if fact.incident_id is not None:
        return current.issued_at
    end = current.not_after - current.lifetime * left_when_urgent(criticality)
    return min(end, current.revoked_at) if current.revoked_at else end


def is_urgent(fact: CertificateFact, now: datetime) -> bool:
    since = urgent_from(fact)
    return since is not None and now >= since


def rank_at(fact: CertificateFact, moment: datetime) -> int:
    """Its place in the order of work at that moment."""
    return rank_of(fact.intent.terms.criticality, pressing=is_urgent(fact, moment))
