"""A CA in figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from evercert.ca.operating.office import Office
from evercert.ca.store import operating

__all__ = ["Figures", "ProfileFigures", "figures"]

_LATELY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ProfileFigures:
    """Certificates of one profile: all that are kept, those that live, living ones that are revoked, those of the last
    24 hours."""

    profile: str
    kept: int
    living: int
    revoked: int
    lately: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Accounts and orders by status, certificates by profile."""

    accounts: Mapping[str, int]
    orders: Mapping[str, int]
    certificates: tuple[ProfileFigures, ...]


async def figures(office: Office) -> Figures:
    now = office.clock.now()
    accounts, orders, certificates = await operating.counts(office.db, now, now - _LATELY)
    return Figures(dict(accounts), dict(orders), tuple(_profile(*row) for row in certificates))


def _profile(name: str, kept: int, living: int, revoked: int, lately: int) -> ProfileFigures:
    """PostgreSQL sums whole numbers into decimals, which are made whole again."""
    return ProfileFigures(name, kept, int(living), int(revoked), int(lately))
