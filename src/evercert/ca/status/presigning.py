"""OCSP answers signed before anybody asks, for every living certificate: for issuers whose signatures are slow or dear.

One node does it for all, in pages, all through the table and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from evercert.base.clock import Clock
from evercert.ca.issuing.issuers import Issuer, Issuers
from evercert.ca.status.ocsp import valid_until
from evercert.ca.status.responders import Responders
from evercert.ca.status.rules import StatusRules
from evercert.ca.store import leases, ocsp
from evercert.ca.store.ocsp import Signed, ToAnswer
from evercert.db.protocol import Database
from evercert.pki.ocsp import Status, respond
from evercert.pki.ocsp_request import cert_id
from evercert.pki.signer import Signer

__all__ = ["Presigner"]

# What one transaction keeps: others are held up for a millisecond or two.
_PAGE: Final = 50
_LEASE: Final = timedelta(minutes=2)
_NAME: Final = "OCSP ahead"


@dataclass(frozen=True, slots=True)
class Presigner:
    """Owned by one node."""

    db: Database
    clock: Clock
    rng: Random
    issuers: Issuers
    responders: Responders
    rules: StatusRules

    async def round(self) -> None:
        """Afterwards every certificate that lives has an answer with half of its life left, or another node is at it.
        An answer that is made while its certificate is revoked is kept for nothing, and never served."""
        holder, after = self.rng.getrandbits(62), ""
        while await self._is_ours(holder):
            page = await ocsp.page(self.db, after, _PAGE)
            for issuer in self.issuers:
                await self._answer(issuer, [each for each in page if self._wants(each, issuer)])
            if len(page) < _PAGE:
                break
            after = page[-1].serial
        await leases.give_back(self.db, _NAME, holder)

    async def _is_ours(self, holder: int) -> bool:
        now = self.clock.now()
        return await leases.take(self.db, _NAME, holder, now, now + _LEASE)

    def _wants(self, each: ToAnswer, issuer: Issuer) -> bool:
        now = self.clock.now()
        if each.issuer != issuer.name or each.is_revoked or min(each.not_after, issuer.signer.not_after) <= now:
            return False
        return each.answered_at is None or each.answered_at + self.rules.ocsp_life / 2 <= now

    async def _answer(self, issuer: Issuer, wanted: Iterable[ToAnswer]) -> None:
        serials = [each.serial for each in wanted]
        if serials:
            signer, now = await self.responders.signer_for(issuer), self.clock.now().replace(microsecond=0)
            end = valid_until(now, self.rules.ocsp_life, signer.not_after)
            answers = await asyncio.to_thread(_signed, serials, issuer.signer, signer, (now, end))
            await self.db.write(*(ocsp.kept(serial, Signed(der, now, end)) for serial, der in answers))


def _signed(
    serials: Iterable[str], issuer: Signer, signer: Signer, validity: tuple[datetime, datetime]
) -> list[tuple[str, bytes]]:
    """By SHA-1, as most clients ask (RFC 5019 §2.1.1)."""
    statuses = [(serial, Status(cert_id(int(serial, 16), issuer))) for serial in serials]
    this, following = validity
    return [(serial, respond([each], signer, this_update=this, next_update=following)) for serial, each in statuses]
