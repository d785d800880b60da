"""Where operators work: the store and the keys of a CA, whether it is serving or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Literal

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.ca.limits import Limits
from evercert.ca.nouns import Certificate
from evercert.ca.profiles.profile import Profile
from evercert.ca.revoking import Revoking
from evercert.ca.store import certificates
from evercert.ca.store.operating import Wanted, find
from evercert.db.protocol import Database
from evercert.pki.seal import Sealer

__all__ = ["Office", "State", "state_of"]

State = Literal["valid", "revoked", "expired"]

_MOST = 20


@dataclass(frozen=True, slots=True)
class Office:
    """`who` stands in the audit for every act: a login name, a client certificate's subject, a token's name."""

    db: Database
    clock: Clock
    rng: Random
    sealer: Sealer
    profiles: Mapping[str, Profile]
    revoking: Revoking
    who: str
    limits: Limits = field(default_factory=Limits)

    async def certificate(self, serial: str) -> Certificate:
        """The one whose serial number begins like that. Raises `not-found`, and `bad-input` where there are several."""
        found = await certificates.get(self.db, serial.lower())
        several = [found] if found else await find(self.db, Wanted(serial=serial), _MOST)
        if len(several) == 1:
            return several[0]
        if not several:
            raise EvercertError("not-found", f"there is no certificate whose serial number begins {serial[:80]!r}")
        raise EvercertError("bad-input", "several serial numbers begin like that", hint="give more of it")

    async def revoke(self, serial: str, reason: int) -> Certificate:
        """Afterwards it is revoked. Raises `not-found`, or `conflict` where it is already."""
        found = await self.certificate(serial)
        if found.revoked_at is not None:
            since, hint = f"{found.revoked_at:%Y-%m-%d %H:%M} UTC", f"evercert ca show {found.serial} tells why"
            raise EvercertError("conflict", f"{found.serial} is revoked already, since {since}", hint=hint)
        await self.revoking.revoke(found, reason, f"operator {self.who}")
        return found


def state_of(certificate: Certificate, now: datetime) -> State:
    if certificate.revoked_at is not None:
        return "revoked"
    return "valid" if certificate.not_after > now else "expired"
