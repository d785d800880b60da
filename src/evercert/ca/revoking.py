"""Revocation: one guarded write, and everything that follows from it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from evercert.base.clock import Clock
from evercert.ca.nouns import Certificate
from evercert.ca.store import audit, certificates, ocsp, revocations
from evercert.db.protocol import Database, Statement

__all__ = ["KEY_COMPROMISE", "REVOKED", "Revoking"]

_log = logging.getLogger(__name__)

# RFC 5280 §5.3.1
KEY_COMPROMISE: Final = 1

# The channel on which whoever makes lists hears of it.
REVOKED: Final = "revoked"


@dataclass(frozen=True, slots=True)
class Revoking:
    """Whoever holds it may revoke: a node for its clients, an operator beside it."""

    db: Database
    clock: Clock

    async def revoke(self, certificate: Certificate, reason: int, who: str, peer: str = "") -> None:
        """Afterwards the certificate is revoked, durably: OCSP says so at once, the next list soon; and a key that is
        compromised is never certified again.

        Raises `conflict` where it is revoked already.
        """
        now = self.clock.now()
        blocked: tuple[Statement, ...] = ()
        if reason == KEY_COMPROMISE:
            blocked = (certificates.blocked(certificate.key_digest, f"compromised: {certificate.serial}", now),)
        body = {"serial": certificate.serial, "reason": reason, "by": who, "from": peer}
        await self.db.write(
            certificates.revoked(certificate.serial, reason, now),
            *revocations.added(certificate, reason, now),
            ocsp.dropped(certificate.serial),
            *blocked,
            audit.appended("revoked", body, now),
        )
        self.db.notify(REVOKED)
        told = {"serial": certificate.serial, "account": certificate.account_id, "peer": peer}
        _log.info("revoked by %s, reason %d", who, reason, extra=told)
