"""What certificates of this CA point to: their issuer, their status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evercert.ca.issuing.issuers import Issuer
from evercert.ca.profiles.profile import Profile
from evercert.ca.status.places import OCSP, path_of
from evercert.ca.status.rules import StatusRules
from evercert.ca.store.crls import ListKey

__all__ = ["PublicLinks"]


@dataclass(frozen=True, slots=True)
class PublicLinks:
    """Keeps the contract of `issuing.issuance.Links`. *base* is the URL over plain http, where anybody can read
    (RFC 5280 §4.2.1.13: no https, or a client would need a certificate's status to get a certificate's status)."""

    base: str
    rules: StatusRules = field(default_factory=StatusRules)

    def leaf_links(self, issuer: Issuer, profile: Profile, serial: int) -> Mapping[str, tuple[str, ...]]:
        if not self.base:
            return {}
        links = {"issuer_urls": (f"{self.base}/issuer/{issuer.name}.der",)}
        if profile.crl:
            links["crl_urls"] = (self.base + path_of(ListKey(issuer.name, self.crl_partition(serial))),)
        if profile.ocsp and self.rules.ocsp:
            links["ocsp_urls"] = (self.base + OCSP,)
        return links

    def crl_partition(self, serial: int) -> int:
        """Serial numbers are drawn, so all parts grow alike."""
        return serial % self.rules.partitions + 1 if self.rules.partitions else 0
