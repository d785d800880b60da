"""Who asks: whoever has a token, or a certificate that this CA has given him and that the operator has named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from evercert.base.clock import Clock
from evercert.base.secret import Secret
from evercert.base.serving import Asked
from evercert.ca.node.private import AdminClient
from evercert.ca.nouns import Certificate
from evercert.ca.operating.tokens import token_of
from evercert.ca.store import certificates
from evercert.ca.store.tokens import Role
from evercert.db.protocol import Database
from evercert.pki.cert import read_certificate

__all__ = ["Caller", "Callers"]

_BEARER: Final = "bearer"


@dataclass(frozen=True, slots=True)
class Caller:
    """`name` stands in the audit for what he does."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        return role == "read" or self.role == "operate"


@dataclass(frozen=True, slots=True)
class Callers:
    """*clients* are the operator's rules; *takes_tokens*: whether somebody may come with a token."""

    db: Database
    clock: Clock
    clients: Sequence[AdminClient]
    takes_tokens: bool

    async def known(self, asked: Asked) -> Caller | None:
        """Who asks; None for somebody who has shown nothing that counts. A token goes before a certificate."""
        scheme, _, words = asked.header("authorization").partition(" ")
        if scheme and (scheme.lower() != _BEARER or not self.takes_tokens):
            return None
        if scheme:
            token = await token_of(self.db, Secret(words.strip()), self.clock.now())
            return Caller(f"token {token.name} ({token.id})", token.role) if token else None
        return await self._by_certificate(asked.client_certificate) if asked.client_certificate else None

    async def _by_certificate(self, der: bytes) -> Caller | None:
        """The listener has verified that it leads to our root, and its dates. That it is one of ours, and not revoked,
        our store says."""
        record = await certificates.get(self.db, read_certificate(der).serial)
        if record is None or record.revoked_at is not None or await certificates.body(self.db, record.serial) != der:
            return None
        fingerprint = sha256(der).hexdigest()
        rule = next((each for each in self.clients if _is_meant(each, record, fingerprint)), None)
        names = ", ".join(str(each) for each in record.identifiers)
        return Caller(f"certificate {record.serial} ({names})", rule.role) if rule else None


def _is_meant(rule: AdminClient, record: Certificate, fingerprint: str) -> bool:
    """Whether everything that the rule says is so."""
    if rule.fingerprint and rule.fingerprint.replace(":", "").lower() != fingerprint:
        return False
    # What a device is called may look like a name.
    names = {each.value for each in record.identifiers if each.type in {"dns", "ip"}}
    if rule.name and rule.name not in names:
        return False
    return not rule.profile or rule.profile == record.profile
