"""Who signs OCSP answers for an issuer: itself, or a key that it has named for that and that lives for some days."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Final

from evercert.base.clock import Clock
from evercert.ca.issuing.issuers import Issuer
from evercert.ca.nouns import Certificate
from evercert.ca.status.rules import StatusRules
from evercert.ca.store import audit, certificates
from evercert.db.protocol import Database
from evercert.pki.issuing import new_serial, sign
from evercert.pki.key_type import KeyType
from evercert.pki.keys import generate
from evercert.pki.ocsp import responder_leaf
from evercert.pki.signer import Signer

__all__ = ["Responders"]

_PROFILE: Final = "(this responder)"
_BACKDATE: Final = timedelta(hours=1)
# Renewed halfway; what it signs until then is good for its whole life.
_SHORTEST: Final = timedelta(days=4)


@dataclass(slots=True)
class Responders:
    """Owned by one node, each with keys of its own, in memory alone."""

    db: Database
    clock: Clock
    rng: Random
    rules: StatusRules
    _signers: dict[str, Signer] = field(default_factory=dict)
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)

    def is_quick(self, issuer: Issuer) -> bool:
        """Whether an answer is signed in less time than handing it to a thread takes."""
        return self._is_delegated(issuer) or not issuer.wants_thread

    async def signer_for(self, issuer: Issuer) -> Signer:
        """Whoever signs for that issuer now. Raises what the issuer's signature or the store raises."""
        if not self._is_delegated(issuer):
            return issuer.signer
        async with self._making:
            found = self._signers.get(issuer.name)
            if found is None or self._is_half_over(found):
                found = self._signers[issuer.name] = await self._named(issuer)
        return found

    def _is_delegated(self, issuer: Issuer) -> bool:
        if self.rules.responder == "auto":
            return issuer.wants_thread
        return self.rules.responder == "delegated"

    def _is_half_over(self, signer: Signer) -> bool:
        return self.clock.now() >= signer.not_before + (signer.not_after - signer.not_before) / 2

    async def _named(self, issuer: Issuer) -> Signer:
        """A new key and its certificate, recorded like every certificate."""
        now, key = self.clock.now().replace(microsecond=0), generate(KeyType.EC256)
        life = max(_SHORTEST, 2 * self.rules.ocsp_life + 2 * _BACKDATE)
        leaf = responder_leaf(
            new_serial(self.rng),
            key.spki,
            (("CN", f"OCSP {issuer.name}"[:64]),),
            not_before=max(now - _BACKDATE, issuer.signer.not_before),
            not_after=min(now + life, issuer.signer.not_after),
        )
        der = await asyncio.to_thread(sign, leaf, issuer.signer) if issuer.wants_thread else sign(leaf, issuer.signer)
        record = _record(issuer, leaf.serial, (leaf.not_before, leaf.not_after), key.spki, now)
        body = {"serial": record.serial, "issuer": issuer.name, "profile": _PROFILE}
        await self.db.write(*certificates.added(record, der), audit.appended("issued", body, now))
        return Signer(der, key)


def _record(
    issuer: Issuer, serial: int, validity: tuple[datetime, datetime], spki: bytes, now: datetime
) -> Certificate:
    return Certificate(
        serial=f"{serial:x}",
        account_id=0,
        order_id=0,
        issuer=issuer.name,
        profile=_PROFILE,
        identifiers=(),
        not_before=validity[0],
        not_after=validity[1],
        issued_at=now,
        key_digest=sha256(spki).hexdigest(),
    )
