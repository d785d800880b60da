"""The server's own TLS certificate: from itself, in memory only, and renewed long before it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from random import Random
from typing import Final

from evercert.base.clock import Clock
from evercert.base.names import Identifier
from evercert.base.secret import Secret
from evercert.ca.issuing.issuers import Issuers
from evercert.ca.meters import NO_METERS, Meters
from evercert.ca.nouns import Certificate
from evercert.ca.store import audit, certificates
from evercert.db.protocol import Database
from evercert.pki.cert import certificate_pem
from evercert.pki.issuing import Leaf, new_serial, sign
from evercert.pki.key_type import KeyType
from evercert.pki.keys import generate

__all__ = ["OwnCertificate"]

LIFE: Final = timedelta(days=7)
_BACKDATE: Final = timedelta(hours=1)
_PROFILE: Final = "(this server)"


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """Makes them. Owned by one node; each node has its own, with a new key each time."""

    db: Database
    clock: Clock
    rng: Random
    issuers: Issuers
    meters: Meters = NO_METERS

    async def issue(self, identifiers: tuple[Identifier, ...]) -> tuple[str, Secret]:
        """A chain and its key, PEM; recorded like every certificate."""
        now = self.clock.now()
        issuer = self.issuers.for_profile("", now)
        key = generate(KeyType.EC256)
        leaf = Leaf(
            serial=new_serial(self.rng),
            spki=key.spki,
            identifiers=identifiers,
            not_before=now - _BACKDATE,
            not_after=min(now + LIFE, issuer.signer.not_after),
        )
        der = sign(leaf, issuer.signer)
        record = Certificate(
            serial=f"{leaf.serial:x}",
            account_id=0,
            order_id=0,
            issuer=issuer.name,
            profile=_PROFILE,
            identifiers=identifiers,
            not_before=leaf.not_before,
            not_after=leaf.not_after,
            issued_at=now,
            key_digest=sha256(key.spki).hexdigest(),
        )
        body = {"serial": record.serial, "names": [str(each) for each in identifiers], "profile": _PROFILE}
        await self.db.write(*certificates.added(record, der), audit.appended("issued", body, now))
        self.meters.certified_itself(leaf.not_after)
        chain = (der, *issuer.chains[0])
        return "".join(map(certificate_pem, chain)), key.to_pem()
