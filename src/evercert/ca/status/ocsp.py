"""`/ocsp`: what is so of a certificate at this moment (RFC 6960), in answers that any cache may keep (RFC 5019).

Every answer is held against the store before it goes out, one that was signed before too: a revocation is told at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Final

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.base.serving import Answer, Asked
from evercert.ca.issuing.issuers import Issuer, Issuers
from evercert.ca.status.caching import cached, uncached
from evercert.ca.status.places import OCSP
from evercert.ca.status.responders import Responders
from evercert.ca.status.rules import StatusRules
from evercert.ca.store import ocsp
from evercert.ca.store.ocsp import Known, Signed
from evercert.db.protocol import Database
from evercert.pki.ocsp import INTERNAL_ERROR, MALFORMED_REQUEST, TRY_LATER, UNAUTHORIZED, Status, respond
from evercert.pki.ocsp_request import CertId, Request, cert_id, read_request, request_in_path

__all__ = ["OcspApplication", "valid_until"]

_log = logging.getLogger(__name__)

_TYPE: Final = "application/ocsp-response"
# What is not known now may be known in a minute.
_UNKNOWN_LIFE: Final = timedelta(minutes=1)
_HELD: Final = 4096


@dataclass(frozen=True, slots=True)
class _Answered:
    """What was signed, and of what it is true."""

    statuses: tuple[Status, ...]
    answer: Signed


@dataclass(slots=True)
class OcspApplication:
    """Owned by one node. Never raises."""

    db: Database
    clock: Clock
    issuers: Issuers
    responders: Responders
    rules: StatusRules
    held: OrderedDict[tuple[str, bytes], _Answered] = field(default_factory=OrderedDict)

    async def __call__(self, asked: Asked) -> Answer:
        if asked.method not in {"GET", "HEAD", "POST"}:
            return uncached(405, b"ask with GET or POST\n", "text/plain; charset=utf-8", ("allow", "GET, HEAD, POST"))
        try:
            request = read_request(asked.body if asked.method == "POST" else request_in_path(_behind(asked.path)))
        except EvercertError:
            return uncached(200, MALFORMED_REQUEST, _TYPE)
        try:
            return await self._answer(asked, request)
        except EvercertError as error:
            _log.error("an OCSP request could not be answered: %s", error)
            return uncached(200, TRY_LATER, _TYPE)
        except Exception:  # a fault of ours; its words are for our log alone
            _log.exception("answering an OCSP request failed")
            return uncached(200, INTERNAL_ERROR, _TYPE)

    async def _answer(self, asked: Asked, request: Request) -> Answer:
        now = self.clock.now()
        issuers = [each for each in self.issuers if _is_asked_about(each, request.asked, now)]
        if not issuers:
            return uncached(200, UNAUTHORIZED, _TYPE)
        names = {each.name for each in issuers}
        statuses, ahead = await self._looked_up(request, names)
        signed = None if request.nonce else self._signed_before(issuers[0], statuses, ahead, now)
        if signed is None:
            signed = await self._signed(issuers[0], statuses, request.nonce, now)
        if request.nonce:
            return uncached(200, signed.der, _TYPE)
        return cached(
            asked,
            signed.der,
            _TYPE,
            digest=sha256(signed.der).hexdigest(),
            modified=signed.this_update,
            now=now,
            until=signed.next_update,
        )

    async def _looked_up(self, request: Request, names: set[str]) -> tuple[tuple[Status, ...], Signed | None]:
        """What is so, of one moment; and what was signed of it ahead, if it was."""
        serials = [f"{each.serial:x}" for each in request.asked]
        wanted = [ocsp.status(serial) for serial in serials]
        if ahead := self.rules.presign and len(serials) == 1 and not request.nonce:
            wanted.append(ocsp.signed(serials[0]))
        rows = await self.db.read(*wanted)
        found = [ocsp.known_from(each[0]) if each else None for each in rows[: len(serials)]]
        statuses = tuple(
            _status(asked, known if known and known.issuer in names else None)
            for asked, known in zip(request.asked, found, strict=True)
        )
        return statuses, ocsp.signed_from(rows[-1][0]) if ahead and rows[-1] else None

    def _signed_before(
        self, issuer: Issuer, statuses: tuple[Status, ...], ahead: Signed | None, now: datetime
    ) -> Signed | None:
        """An answer that says exactly this, and will for a while yet."""
        (status, *more) = statuses
        good = Status(cert_id(status.cert_id.serial, issuer.signer))
        if ahead and not more and status == good and _is_fresh(ahead, now):
            return ahead
        held = self.held.get((issuer.name, status.cert_id.der))
        if held and held.statuses == statuses and _is_fresh(held.answer, now):
            self.held.move_to_end((issuer.name, status.cert_id.der))
            return held.answer
        return None

    async def _signed(self, issuer: Issuer, statuses: tuple[Status, ...], nonce: bytes, now: datetime) -> Signed:
        signer = await self.responders.signer_for(issuer)
        begin = now.replace(microsecond=0)
        life = self.rules.ocsp_life if all(each.issued for each in statuses) else _UNKNOWN_LIFE
        end = valid_until(begin, life, signer.not_after)
        sign = partial(respond, statuses, signer, this_update=begin, next_update=end, nonce=nonce)
        der = sign() if self.responders.is_quick(issuer) else await asyncio.to_thread(sign)
        signed = Signed(der, begin, end)
        if not nonce and len(statuses) == 1:
            self._hold((issuer.name, statuses[0].cert_id.der), _Answered(statuses, signed))
        return signed

    def _hold(self, key: tuple[str, bytes], answered: _Answered) -> None:
        self.held[key] = answered
        self.held.move_to_end(key)
        if len(self.held) > _HELD:
            self.held.popitem(last=False)


def valid_until(begin: datetime, life: timedelta, signer_end: datetime) -> datetime:
    """No answer is good for longer than whoever signed it."""
    return min(begin + life, signer_end)


def _behind(path: str) -> str:
    """The request in a GET's path (RFC 6960 appendix A.1), in which there may be slashes."""
    return path.removeprefix(OCSP).removeprefix("/")


def _is_asked_about(issuer: Issuer, asked: Sequence[CertId], now: datetime) -> bool:
    """One signature answers, so all questions are about one issuer."""
    return issuer.signer.not_after > now and all(each.is_of(issuer.signer) for each in asked)


def _status(asked: CertId, known: Known | None) -> Status:
    if known is None:
        return Status(asked, issued=False)
    return Status(asked, known.revoked_at, known.reason)


def _is_fresh(answer: Signed, now: datetime) -> bool:
    """Whether a quarter of its life is left, for those who ask each other and not us."""
    return now < answer.this_update + (answer.next_update - answer.this_update) * 3 / 4
