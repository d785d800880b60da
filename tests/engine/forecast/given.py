"""Fleets and limits that the tests of the forecast begin with."""

from __future__ import annotations

from datetime import timedelta

from evercert.acme.cas import Limit, LimitScope
from evercert.engine.forecast.fleet import CaRules, Fleet, Kind

__all__ = ["CA", "DAY", "HOUR", "LETS_ENCRYPT", "START", "fleet_of", "kind", "rules"]

HOUR = 3600
DAY = 24 * HOUR
START = 1_795_000_000  # a moment on no hour
CA = "https://ca.test/directory"

_WEEK = timedelta(days=7)
LETS_ENCRYPT = (
    Limit(LimitScope.ORDERS_PER_ACCOUNT, 300, timedelta(hours=3), ari_exempt=True, renewal_exempt=True),
    Limit(LimitScope.CERTIFICATES_PER_DOMAIN, 50, _WEEK, ari_exempt=True, renewal_exempt=True),
    Limit(LimitScope.CERTIFICATES_PER_SET, 5, _WEEK, ari_exempt=True),
)


def kind(life: int = 90 * DAY, *, lead: int = 0, ca: str = CA, account: str = "default", ari: bool = True) -> Kind:
    return Kind(ca, account, life, lead or life // 3, ari)


def rules(*limits: Limit, ari: bool = True) -> dict[str, CaRules]:
    return {CA: CaRules("test-ca", CA, limits, ari)}


def fleet_of(count: int, of: Kind, *, first: int = 0, every: int = HOUR, domain: str = "") -> Fleet:
    """So many certificates that are due one after the other, each in its own domain, or all in one."""
    fleet = Fleet(START)
    for number in range(count):
        due = START + first + number * every
        fleet.add(of, due, due + of.lead, [domain or f"n{number}.test"], number)
    return fleet
