"""What is done first. Pure."""

from __future__ import annotations

from datetime import datetime

from evercert.model.fact import CertificateFact
from evercert.model.terms import rank_of

__all__ = ["is_pressing", "rank_at"]

# The usual renewal leaves a third of the life, or half of a short one; with less than a sixth of it half of that time
# for retries is gone.
_LAST = 1 / 6


def is_pressing(fact: CertificateFact, moment: datetime) -> bool:
    """Whether a renewal that is due then must not wait for others: the end is near, it was revoked, or an
    incident replaces it."""
    current = fact.current
    if current is None:
        return False
    if current.revoked_at is not None or fact.incident_id is not None:
        return True
    return current.not_after - moment < current.lifetime * _LAST


def rank_at(fact: CertificateFact, moment: datetime) -> int:
    """Its place in the order of work at that moment."""
    return rank_of(fact.intent.terms.criticality, pressing=is_pressing(fact, moment))
