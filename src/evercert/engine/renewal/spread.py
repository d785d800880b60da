"""Spreading renewals, so that what was issued together is not renewed together. Pure.

A fleet that is onboarded in an hour, re-keyed in an afternoon or replaced in an incident would otherwise come back in
that hour, cycle after cycle, and meet the CA's limits each time. Where the CA gives a window (RFC 9773) nothing is
moved: outside of it a renewal is no longer exempt from limits, and a CA spreads its windows itself.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

from evercert.model.fact import CertificateFact, IssuedCertificate

__all__ = ["TOGETHER", "earlier", "share"]

# Of the time until a renewal. With Let's Encrypt's two thirds a certificate of 90 days that came with many others is
# renewed after 45 to 60 days: half a month for all of them, and no more than a third more renewals, once.
TOGETHER = 1 / 4
# What came on its own schedule is spread already; this keeps chance meetings from lasting. ARI's windows are as wide.
_ALONE = 1 / 50


def earlier(fact: CertificateFact, current: IssuedCertificate, until: timedelta) -> timedelta:
    """How much earlier *current* is renewed than after *until*; the same at every call, never the whole of it."""
    together = not fact.on_schedule and current.issuance_id is not None
    return until * ((TOGETHER if together else _ALONE) * share(fact.intent.name))


def share(name: str) -> float:
    """The name's own number, 0 or more and less than 1: names that are like each other have numbers that are not."""
    # 53 bits: as many as a float holds, so that no number is rounded up to 1.
    return (int.from_bytes(sha256(name.encode()).digest()[:8]) >> 11) / 2**53
