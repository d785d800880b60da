"""What a soak is given: the fleet, its CAs and their limits, what will go wrong, and for how long.

Moments are whole seconds since the beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from evercert.acme.cas import Limit, known_ca
from evercert.engine.asking.choosing import Ask, Later, choose
from evercert.engine.limits.budget import limits_of
from evercert.engine.plan import renewal_moment
from evercert.model.access import CaAccess, OwnLimit
from evercert.model.fact import CertificateFact, IssuedCertificate

__all__ = ["DAY", "HOUR", "CaGiven", "Given", "Revocation", "Rules", "Silence", "lets_encrypt", "nightly"]

HOUR: Final = 3600
DAY: Final = 24 * HOUR
_YEAR: Final = 365 * DAY


@dataclass(frozen=True, slots=True)
class CaGiven:
    """A CA: what it allows, and whether it suggests when to renew."""

    directory: str
    limits: tuple[Limit, ...] = ()
    ari: bool = True


@dataclass(frozen=True, slots=True)
class Silence:
    """The CA of that number does not answer for so many seconds from `at` on."""

    ca: int
    at: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Revocation:
    """That CA announces at `at` that it revokes a `share` of what it has issued, `notice` seconds later."""

    ca: int
    at: int
    notice: int = DAY
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Given:
    """`lives` are seconds, and the certificates have them in turn; `new` is the share of the fleet for which there is
    no certificate yet. `per_domain` of them are under one registered domain. Of `failing` orders one fails, for a
    reason of its own. `cas` are asked in their order; each certificate there is came from the first."""

    certificates: int
    seconds: int
    cas: tuple[CaGiven, ...]
    lives: tuple[int, ...] = (90 * DAY,)
    silences: tuple[Silence, ...] = ()
    revocations: tuple[Revocation, ...] = ()
    new: float = 0.1
    per_domain: int = 20
    failing: int = 200
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Rules:
    """The engine's decisions. Whoever wants to see the soak fail gives others."""

    renewal: Callable[[CertificateFact, IssuedCertificate], tuple[datetime, str]] = field(default=renewal_moment)
    choose: Callable[..., Ask | Later] = field(default=choose)


def lets_encrypt(orders: int, domain: int) -> CaGiven:
    """Let's Encrypt, with an override of two of its limits; zero leaves them as they are."""
    directory = known_ca("letsencrypt").directory
    own = [OwnLimit("orders", orders, 3 * HOUR)] if orders else []
    own += [OwnLimit("domain", domain, 7 * DAY)] if domain else []
    return CaGiven(directory, limits_of(CaAccess(directory, limits=tuple(own))))


def nightly(
    certificates: int, years: float, lives: tuple[int, ...], seed: int, *, orders: int, domain: int, cas: int
) -> Given:
    """Let's Encrypt does not answer for 72 hours in the middle of the first half, and gives a day's notice that
    it revokes all that it has issued in the middle of the second one. A second CA has the same limits under another
    name, and does not answer for a day while the first one is well."""
    end = int(years * _YEAR)
    first = lets_encrypt(orders, domain)
    second = CaGiven("https://second.simulated.test/directory", first.limits)
    return Given(
        certificates=certificates,
        seconds=end,
        cas=(first, second)[:cas],
        lives=lives,
        silences=(Silence(0, end // 4, 72 * HOUR), *([Silence(1, end // 2, DAY)] if cas > 1 else [])),
        revocations=(Revocation(0, end * 3 // 4),),
        seed=seed,
    )
