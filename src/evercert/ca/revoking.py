"""Revocation: one guarded write, and everything that follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from evercert.base.clock import Clock
from evercert.ca.nouns import Certificate
from evercert.ca.store import audit, certificates
from evercert.db.protocol import Database, Statement

__all__ = ["KEY_COMPROMISE", "Revoking"]

# RFC 5280 §5.3.1
KEY_COMPROMISE: Final = 1


@dataclass(frozen=True, slots=True)
class Revoking:
    """Owned by one node. *changed* is told of each issuer whose status has changed, so that lists are made anew."""

    db: Database
    clock: Clock
    changed: Callable[[str], None]

    async def revoke(self, certificate: Certificate, reason: int, who: str, peer: str = "") -> None:
        """Afterwards the certificate is revoked, durably, and a key that is compromised is never certified again.

        Raises `conflict` where it is revoked already.
        """
        now = self.clock.now()
        blocked: tuple[Statement, ...] = ()
        if reason == KEY_COMPROMISE:
            blocked = (certificates.blocked(certificate.key_digest, f"compromised: {certificate.serial}", now),)
        body = {"serial": certificate.serial, "reason": reason, "by": who, "from": peer}
        await self.db.write(
            certificates.revoked(certificate.serial, reason, now), *blocked, audit.appended("revoked", body, now)
        )
        self.changed(certificate.issuer)
