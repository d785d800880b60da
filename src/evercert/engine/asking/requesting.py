"""Beginning an issuance: its key and its request, durable before anything is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from evercert.base.clock import Clock
from evercert.base.names import Identifier
from evercert.db.protocol import Database
from evercert.engine.accounts import Registered
from evercert.model.fact import CertificateFact, Issuance
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, PrivateKey, generate
from evercert.pki.seal import Sealer
from evercert.store import issuances, keys

__all__ = ["Requesting"]


@dataclass(frozen=True, slots=True)
class Requesting:
    """Makes issuances for `engine.asking.attempting`."""

    sealer: Sealer
    clock: Clock

    async def begin(
        self, db: Database, fact: CertificateFact, names: Sequence[Identifier], registered: Registered, *, rival: bool
    ) -> Issuance:
        """Afterwards key and request, which is for those *names*, are durable; they are the same however often this
        issuance is gone on with."""
        key_id, csr = await self._request(db, fact, names)
        return await issuances.begin(
            db,
            fact.intent.name,
            registered.account.id,
            key_id,
            csr,
            replaces=await self._replaces(db, fact, registered),
            profile=fact.intent.profile,
            intent=fact.intent,
            cause=fact.cause,
            rival=rival,
            now=self.clock.now(),
        )

    async def _request(
        self, db: Database, fact: CertificateFact, names: Sequence[Identifier]
    ) -> tuple[int | None, bytes]:
        """The key's number in the store (none if the request came from outside) and the CSR."""
        intent = fact.intent
        if intent.csr:
            return None, intent.csr
        kept = await self._key_to_keep(db, fact)
        key = kept or await _new_key(intent.key_type)
        key_id = await keys.add(db, self.sealer, key, "certificate", self.clock.now())
        return key_id, build_csr(key, names, intent.must_staple)

    async def _key_to_keep(self, db: Database, fact: CertificateFact) -> PrivateKey | None:
        """The current key, where the intent wants it kept: never one whose certificate was revoked or is
        part of an incident, because that may be why."""
        current = fact.current
        if not fact.intent.reuse_key or current is None or current.key_id is None:
            return None
        if current.revoked_at is not None or fact.incident_id is not None:
            return None
        key = await keys.load(db, self.sealer, current.key_id)
        return key if key.type is fact.intent.key_type else None

    async def _replaces(self, db: Database, fact: CertificateFact, registered: Registered) -> str:
        """The predecessor to name (RFC 9773 §5): the current certificate, if this account's order made it."""
        if fact.current is None or fact.current.issuance_id is None:
            return ""
        before = await issuances.get(db, fact.current.issuance_id)
        return fact.current.ari_id if before and before.account_id == registered.account.id else ""


async def _new_key(key_type: KeyType) -> PrivateKey:
    # An RSA key takes a tenth of a second or more, and releases the interpreter meanwhile.
    if key_type.value.startswith("rsa"):
        return await asyncio.to_thread(generate, key_type)
    return generate(key_type)
