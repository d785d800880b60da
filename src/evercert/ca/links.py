"""What certificates of this CA point to: their issuer, their status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evercert.ca.issuing.issuers import Issuer
from evercert.ca.profiles.profile import Profile

__all__ = ["PublicLinks"]


@dataclass(frozen=True, slots=True)
class PublicLinks:
    """Keeps the contract of `issuing.issuance.Links`. *base* is the URL over plain http, where anybody can read
    (RFC 5280 §4.2.1.13: no https, or a client would need a certificate's status to get a certificate's status)."""

    base: str

    def leaf_links(self, issuer: Issuer, profile: Profile, serial: int) -> Mapping[str, tuple[str, ...]]:
        if not self.base:
            return {}
        return {"issuer_urls": (f"{self.base}/issuer/{issuer.name}.der",)}
