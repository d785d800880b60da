"""Validations joined with the store: an answered challenge is looked at beside the requests, and the outcome is kept.

An attempt is its node's until a stated time; then any node takes it over, so that none is lost with its node. What the
slower of two finds out changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from evercert.acme.problem import Problem, ProblemType
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.ca.limits import Limits, failures_of
from evercert.ca.meters import NO_METERS, Meters
from evercert.ca.nouns import Authorization
from evercert.ca.pace import Pace
from evercert.ca.problems import kept
from evercert.ca.profiles.profile import Profile
from evercert.ca.rules import Rules
from evercert.ca.store import accounts, audit, authorizations
from evercert.ca.urls import Urls
from evercert.ca.validation.claim import Claim, Reach
from evercert.ca.validation.device_attest01 import (
    DEVICE_ATTEST_01,
    evidence_of,
    validate_device_attest01,
)
from evercert.ca.validation.perspectives import Perspectives
from evercert.ca.validation.pool import ValidationPool
from evercert.ca.validation.validate import validate
from evercert.db.protocol import Database, Statement
from evercert.pki.attestation.chain import TrustAnchors

__all__ = ["Attempts", "pool_of"]

_log = logging.getLogger(__name__)

_PATIENCE: Final = 10.0


def pool_of(total: int, per_account: int) -> ValidationPool:
    """A pool whose faults are in the log."""
    return ValidationPool(_failed, total=total, per_account=per_account)


def _ended() -> asyncio.Future[None]:
    end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    end.set_result(None)
    return end


def _failed(key: str, error: BaseException) -> None:
    _log.error("a validation (authorization %s) failed of a fault of ours", key, exc_info=error)


def _about(authorization: Authorization) -> dict[str, object]:
    return {
        "account": authorization.account_id,
        "identifier": authorization.identifier,
        "challenge": authorization.attempted,
        "profile": authorization.profile,
    }


@dataclass(frozen=True, slots=True)
class Attempts:
    """Keeps the contract of `protocol.desk.Validating`. Owned by one node."""

    db: Database
    clock: Clock
    reach: Reach
    urls: Urls
    rules: Rules
    profiles: Mapping[str, Profile]
    limits: Limits
    perspectives: Perspectives
    anchors: TrustAnchors
    pool: ValidationPool
    meters: Meters = NO_METERS
    pace: Pace = field(default_factory=Pace)
    # What this node is at, with its newest turn: one that waits for long is taken over from ourselves.
    _taken: dict[int, Authorization] = field(default_factory=dict)

    def begin(self, authorization: Authorization) -> asyncio.Future[None]:
        number, account = authorization.id, str(authorization.account_id)
        end = self.pool.submit(str(number), account, partial(self._attempt, number))
        if end is None:
            # There is no room: somebody takes it over when its turn is up.
            return _ended()
        self._taken[number] = authorization
        end.add_done_callback(lambda _: self._forget(authorization))
        return end

    def _forget(self, authorization: Authorization) -> None:
        """Whether it has ended, or was never begun because it had to make room for others."""
        if self._taken.get(authorization.id) is authorization:
            del self._taken[authorization.id]

    async def drain(self) -> None:
        """Afterwards no validation is under way; what was not begun is left for whoever takes it over."""
        await self.pool.drain(_PATIENCE)

    async def take_over(self) -> None:
        """Afterwards what other nodes, or this one before it died, have left is looked at again."""
        now = self.clock.now()
        for authorization in await authorizations.take_over(self.db, now, now + self.pace.turn):
            self.begin(authorization)

    async def _attempt(self, number: int) -> None:
        authorization, began, outcome = self._taken[number], self.clock.monotonic(), "unknown"
        try:
            outcome = await self._ended(authorization)
        except EvercertError as error:
            # Not known to be false: somebody takes it over when its turn is up.
            words = "a validation of %s could not be ended: %s"
            _log.error(words, authorization.identifier, error, extra={"code": error.code.name})
        finally:
            seconds = self.clock.monotonic() - began
            self.meters.validated(authorization.attempted, authorization.profile, outcome, seconds)

    async def _ended(self, authorization: Authorization) -> str:
        """What came of it, which is kept then."""
        try:
            until, evidence = await self._seen(authorization, await self._claim(authorization))
        except Problem as problem:
            if not await self._refute(authorization, problem):
                return "unknown"
            told = _about(authorization) | {"problem": problem.type.value.name}
            _log.info("not proved: %s", problem.detail, extra=told)
            return "invalid"
        if not await self._accept(authorization, until, evidence):
            return "unknown"
        _log.info("proved", extra=_about(authorization))
        return "valid"

    async def _seen(self, authorization: Authorization, claim: Claim) -> tuple[datetime | None, str]:
        """Until when the proof lasts by itself, and what is to be kept of it. Raises `Problem`."""
        if claim.challenge == DEVICE_ATTEST_01:
            said, now = authorization.response, self.clock.now()
            attested = validate_device_attest01(claim.identifier, said, claim.key_authorization, self.anchors, now)
            return None, evidence_of(attested)
        validated = await validate(claim, self.reach, now=self.clock.now())
        return (await self.perspectives.agree(validated)).until, claim.challenge

    async def _claim(self, authorization: Authorization) -> Claim:
        account = await accounts.get(self.db, authorization.account_id)
        if account is None or account.status != "valid":
            raise Problem(ProblemType.UNAUTHORIZED, "the account is not in use any more")
        return Claim(
            challenge=authorization.attempted,
            identifier=authorization.identifier,
            token=authorization.token,
            thumbprint=account.thumbprint,
            account_url=self.urls.account(account.id),
            issuer_names=self.rules.caa_identities,
            account_hash_prefix=self.urls.account_hashes,
            former_thumbprints=await self._former(authorization),
        )

    async def _former(self, authorization: Authorization) -> tuple[str, ...]:
        persists = authorization.attempted == "dns-persist-01"
        return await accounts.former_thumbprints(self.db, authorization.account_id) if persists else ()

    async def _accept(self, authorization: Authorization, until: datetime | None, evidence: str) -> bool:
        now = self.clock.now()
        profile = self.profiles.get(authorization.profile)
        reuse = profile.authorization_reuse if profile else timedelta()
        # It lives at least as long as an order may take that waits for it.
        life = max(reuse, profile.order_life if profile else timedelta(hours=1))
        end = min(now + life, until) if until else now + life
        validated = authorizations.validated(self._taken[authorization.id], now, end, evidence)
        return await self._kept(authorization, validated, *self.limits.pausing.proved(authorization))

    async def _refute(self, authorization: Authorization, problem: Problem) -> bool:
        now = self.clock.now()
        name = str(authorization.identifier)
        body = {
            "account": authorization.account_id,
            "identifier": name,
            "challenge": authorization.attempted,
            "problem": problem.type.value.name,
        }
        refuted = authorizations.refuted(self._taken[authorization.id], now, kept(problem))
        record = audit.appended("refused validation", body, now)
        is_kept = await self._kept(authorization, refuted, record, *self.limits.pausing.failed(authorization, now))
        if is_kept:
            await self._count_failure(authorization, now)
        return is_kept

    async def _kept(self, authorization: Authorization, *outcome: Statement) -> bool:
        """Whether the outcome counts: not where it is another node's turn by now, or there is nothing to prove any
        more."""
        try:
            await self.db.write(*outcome)
        except EvercertError as error:
            if error.code.name != "conflict":
                raise
            _log.info("a validation of %s was ended by others meanwhile", authorization.identifier)
            return False
        return True

    async def _count_failure(self, authorization: Authorization, now: datetime) -> None:
        bucket = failures_of(authorization)
        try:
            await self.db.write(*self.limits.taken([bucket], now))
        except EvercertError as error:
            if error.code.name != "conflict":  # the bucket is empty already, which is what it is for
                raise
