"""One profile: everything that is decided about certificates before anybody asks for one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from evercert.acme.challenge import DNS_01, DNS_ACCOUNT_01, DNS_PERSIST_01, HTTP_01, TLS_ALPN_01
from evercert.acme.problem import Problem, ProblemType
from evercert.base.names import Identifier

__all__ = ["BUILT_IN", "Profile"]

_DNS: Final = frozenset({DNS_01, DNS_ACCOUNT_01, DNS_PERSIST_01})
_BY_ADDRESS: Final = frozenset({HTTP_01, TLS_ALPN_01})


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """`life` is that of a certificate; `authorization_reuse` is for how long a proof serves further orders (zero: for
    none). `issuer` names one, or leaves the choice to the CA ("")."""

    name: str
    description: str = ""
    life: timedelta = timedelta(days=90)
    backdate: timedelta = timedelta(hours=1)
    choose_dates: bool = True
    key_types: tuple[str, ...] = ("ec256", "ec384", "ec521", "rsa2048", "rsa3072", "rsa4096", "ed25519")
    ekus: tuple[str, ...] = ("serverAuth",)
    max_names: int = 100
    challenges: tuple[str, ...] = (HTTP_01, TLS_ALPN_01, DNS_01, DNS_ACCOUNT_01, DNS_PERSIST_01)
    order_life: timedelta = timedelta(days=7)
    pending_authorization_life: timedelta = timedelta(days=7)
    authorization_reuse: timedelta = timedelta(hours=7)
    issuer: str = ""

    def challenges_for(self, subject: Identifier, *, subdomains: bool = False) -> tuple[str, ...]:
        """What may prove the identifier: an address not by DNS, a wildcard or a whole subtree by nothing else."""
        if subject.type == "ip":
            return tuple(each for each in self.challenges if each in _BY_ADDRESS)
        if subject.wildcard or subdomains:
            return tuple(each for each in self.challenges if each in _DNS)
        return tuple(each for each in self.challenges if each in _DNS | _BY_ADDRESS)

    def check_dates(self, not_before: datetime | None, not_after: datetime | None, now: datetime) -> None:
        """Raises `malformed` unless the validity that was asked for lies within the profile's life."""
        if (not_before or not_after) and not self.choose_dates:
            raise Problem(ProblemType.MALFORMED, "the profile does not let its orders choose dates")
        start, end = not_before or now, not_after or now + self.life
        if start < now - self.backdate or not start < end or end - start > self.life + self.backdate:
            raise Problem(
                ProblemType.MALFORMED, f"certificates of this profile begin now or later, and live {self.life}"
            )


BUILT_IN: Final = {
    each.name: each
    for each in (
        Profile(name="default", description="for TLS servers, 90 days"),
        Profile(name="shortlived", description="for TLS servers, 160 hours", life=timedelta(hours=160)),
    )
}
