"""One certificate for one order: checked, begun, linted, signed, kept.

The moves are guarded in the store: `ready -> processing` with the request, `processing -> valid` with the certificate
in one transaction. Two that race for one order make one certificate, and a node that dies between the two is taken
over from: the request is there. A node that was only slow keeps nothing: its turn is over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Final, Protocol

from msgspec.structs import replace

from evercert.acme.problem import Problem, ProblemType
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.ca.account_keys import key_of
from evercert.ca.issuing.issuers import Issuer, Issuers
from evercert.ca.meters import NO_METERS, Meters
from evercert.ca.nouns import Account, Authorization, Certificate, Order
from evercert.ca.pace import Pace
from evercert.ca.problems import kept
from evercert.ca.profiles.gate import Sample
from evercert.ca.profiles.names import check_names
from evercert.ca.profiles.policy import NamePolicy, policy_from_json
from evercert.ca.profiles.profile import Profile
from evercert.ca.profiles.request import Requested, check_csr, leaf_of
from evercert.ca.store import accounts, audit, authorizations, certificates, eab, orders
from evercert.ca.validation.device_attest01 import check_attested_key
from evercert.db.protocol import Database, Statement
from evercert.pki.attestation.identifiers import DEVICE_TYPES
from evercert.pki.blocklist import Blocklist
from evercert.pki.issuing import Leaf, new_serial, signed, to_be_signed
from evercert.pki.lint.leaf import lint_leaf

__all__ = ["Gate", "Issuance", "Links"]

_log = logging.getLogger(__name__)

# So many names stand in a line of the log; the audit has all.
_NAMED: Final = 5
# After that a client is told `processing`; it is quicker to ask again than to hold its connection.
_PATIENCE: Final = 3.0
# So many orders that were left are completed at once, so that the last of them is still in its turn.
_AT_ONCE: Final = 20

# What is looked up anew each time, and may be otherwise then.
_PASSING: Final = frozenset(
    {ProblemType.CAA, ProblemType.CONNECTION, ProblemType.DNS, ProblemType.SERVER_INTERNAL, ProblemType.TLS}
)
_LEAST_PAUSE: Final = timedelta(minutes=1)


_Take = Callable[[Database, datetime, datetime, int], Awaitable[list[Order]]]


class Gate(Protocol):
    """What is asked right before a signature, of the world and of ourselves. Raises `Problem`."""

    async def check(self, order: Order, account: Account, methods: Mapping[str, str], profile: Profile) -> None:
        """CAA for every name; *methods* says by which challenge each name was proved."""
        ...


class Links(Protocol):
    """What certificates point to."""

    def leaf_links(self, issuer: Issuer, profile: Profile, serial: int) -> Mapping[str, tuple[str, ...]]:
        """`crl_urls`, `ocsp_urls` and `issuer_urls`, as far as the profile wants them."""
        ...

    def crl_partition(self, serial: int) -> int:
        """The part of its issuer's CRL that it is in; 0 for the whole."""
        ...


@dataclass(slots=True)
class Issuance:
    """Keeps the contract of `protocol.desk.Issuing`. Owned by one node."""

    db: Database
    clock: Clock
    rng: Random
    issuers: Issuers
    profiles: Mapping[str, Profile]
    gate: Gate
    links: Links
    sample: Sample
    known_keys: Blocklist | None = None
    meters: Meters = NO_METERS
    pace: Pace = field(default_factory=Pace)
    patience: float = _PATIENCE
    _running: set[asyncio.Task[Order]] = field(default_factory=set)

    async def finalize(self, order: Order, account: Account, csr: bytes) -> Order:
        profile = self._profile(order)
        requested = await self._requested(order, csr, profile, account)
        now = self.clock.now()
        turn = now + self.pace.turn
        if not await orders.begin_processing(self.db, order.id, csr, now=now, until=turn):
            return await self._as_it_is(order, csr)
        begun = replace(order, stored_status="processing", csr=csr, turn=turn)
        return await self._quickly(self._complete(begun, profile, account, requested), begun)

    async def resume(self, order: Order) -> Order:
        """The order after what its node had begun was ended: with a certificate, or with why there is none."""
        try:
            profile, account = self._profile(order), await self._account(order)
            requested = await self._requested(order, order.csr, profile, account)
        except Problem as problem:
            return await self._failed(order, problem)
        return await self._complete(order, profile, account, requested)

    async def take_over(self) -> None:
        """Afterwards what others have left is ended."""
        await self._resume_all(orders.take_over)

    async def recur(self) -> None:
        """Afterwards every recurrent order whose next certificate is due has it (RFC 8739 §3.2)."""
        await self._resume_all(orders.take_recurring)

    async def drain(self) -> None:
        """Afterwards nothing is being signed."""
        if self._running:
            await asyncio.wait(self._running)
        await self.sample.drain()

    async def _resume_all(self, take: _Take) -> None:
        while True:
            now = self.clock.now()
            taken = await take(self.db, now, now + self.pace.turn, _AT_ONCE)
            for order, outcome in zip(
                taken, await asyncio.gather(*map(self.resume, taken), return_exceptions=True), strict=True
            ):
                if isinstance(outcome, BaseException):
                    _log.error("order %d, which was left, could not be completed: %s", order.id, outcome)
            if len(taken) < _AT_ONCE:
                return

    # The steps

    async def _quickly(self, work: Coroutine[None, None, Order], begun: Order) -> Order:
        """What comes of it, or the order as it is if that takes too long; the work goes on either way."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait({task}, timeout=self.patience)
        return task.result() if done else begun

    def _ended(self, task: asyncio.Task[Order]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("an order could not be completed: %s", error)

    async def _complete(self, order: Order, profile: Profile, account: Account, requested: Requested) -> Order:
        try:
            await self.gate.check(order, account, await self._methods(order), profile)
            if order.turn is not None and order.turn <= self.clock.now():
                # What would be signed now could not be kept.
                return await self._overtaken(order)
            issuer = self.issuers.for_profile(profile.issuer, self.clock.now())
            certificate, der = await self._signed(order, profile, issuer, requested)
        except Problem as problem:
            return await self._failed(order, problem)
        end = orders.next_certificate if order.certificate else orders.finished
        ended = end(order, certificate.serial, _recur_at(order, certificate), key_digest=certificate.key_digest)
        record = audit.appended("issued", _record(certificate), certificate.issued_at)
        try:
            await self.db.write(*certificates.added(certificate, der), ended, record)
        except EvercertError as error:
            if error.code.name != "conflict":
                raise
            # Too slow: another node is at it, or has ended it. What was signed here is kept nowhere.
            return await self._overtaken(order)
        self.sample.take(der, issuer, profile)
        self.meters.ordered(order.profile, "valid")
        told = _about(order) | {"serial": certificate.serial, "issuer": issuer.name}
        _log.info("issued %s", _names(order), extra=told)
        until = max(order.expires_at, order.recurrence.end) if order.recurrence else order.expires_at
        return replace(order, stored_status="valid", certificate=certificate.serial, expires_at=until)

    async def _signed(
        self, order: Order, profile: Profile, issuer: Issuer, requested: Requested
    ) -> tuple[Certificate, bytes]:
        """The certificate's record and bytes. Raises `serverInternal` where our own lint objects: nothing is signed."""
        now, serial = self.clock.now(), new_serial(self.rng)
        not_before, not_after = _dates(order, now)
        leaf = leaf_of(
            requested,
            profile,
            serial=serial,
            now=now,
            issuer_window=(issuer.signer.not_before, issuer.signer.not_after),
            not_before=not_before,
            not_after=not_after,
            above=issuer.chains[0],
            **self.links.leaf_links(issuer, profile, serial),
        )
        tbs = to_be_signed(leaf, issuer.signer)
        if findings := lint_leaf(tbs, issuer.signer):
            _log.error(
                "order %d: lint forbids to sign: %s", order.id, "; ".join(f"{e.code}: {e.detail}" for e in findings)
            )
            words = "the CA's own checks forbid this certificate; its operator is told"
            raise Problem(ProblemType.SERVER_INTERNAL, words)
        began = self.clock.monotonic()
        der = await asyncio.to_thread(signed, tbs, issuer.signer) if issuer.wants_thread else signed(tbs, issuer.signer)
        self.meters.signed(issuer.name, profile.name, self.clock.monotonic() - began)
        return _certificate(order, issuer, leaf, now, self.links.crl_partition(serial)), der

    async def _failed(self, order: Order, problem: Problem) -> Order:
        why, now = kept(problem), self.clock.now()
        body = {
            "account": order.account_id,
            "order": order.id,
            "problem": problem.type.value.name,
            "detail": problem.detail,
        }
        record = audit.appended("refused", body, now)
        ended = _unrenewed(order, problem, now) if order.certificate else orders.failed(order, why)
        try:
            await self.db.write(ended, record)
        except EvercertError as error:
            if error.code.name != "conflict":
                raise
            return await self._overtaken(order)
        if order.certificate:
            return order
        self.meters.ordered(order.profile, "invalid")
        told = _about(order) | {"problem": problem.type.value.name}
        _log.info("refused %s: %s", _names(order), problem.detail, extra=told)
        return replace(order, stored_status="invalid", error=why)

    async def _overtaken(self, order: Order) -> Order:
        """The order as it is by now, which another node has taken over."""
        _log.info("order %d was taken over by another node meanwhile", order.id)
        found = await orders.get(self.db, order.id)
        return order if found is None else found

    async def _as_it_is(self, order: Order, csr: bytes) -> Order:
        """The order that somebody else has begun meanwhile, if it was with the same request."""
        found = await orders.get(self.db, order.id)
        if found is not None and found.csr == csr:
            return found
        raise Problem(ProblemType.ORDER_NOT_READY, "the order is not ready (any more)")

    async def _requested(self, order: Order, csr: bytes, profile: Profile, account: Account) -> Requested:
        check_names(order.identifiers, profile)  # what it does not take any more, it does not go on taking
        own, external = key_of(account).spki, await self._external(account)
        requested = check_csr(csr, order.identifiers, profile, own, self.known_keys, external)
        if await certificates.is_blocked(self.db, sha256(requested.spki).hexdigest()):
            raise Problem(ProblemType.BAD_CSR, "its key is known to be compromised; make a new one")
        if any(each.type in DEVICE_TYPES for each in order.identifiers):
            for authorization in await self._proofs(order):
                check_attested_key(requested.spki, authorization.evidence)
        return requested

    async def _external(self, account: Account) -> NamePolicy | None:
        """What its external account says about names. Raises `unauthorized` once that was revoked."""
        key = await eab.find(self.db, account.eab_kid) if account.eab_kid else None
        if key is not None and key.revoked_at is not None:
            raise Problem(ProblemType.UNAUTHORIZED, "the external account that this account is bound to was revoked")
        return policy_from_json(key.names) if key is not None and key.names else None

    async def _methods(self, order: Order) -> dict[str, str]:
        """By which challenge each name was proved, for CAA's validationmethods."""
        return {str(each.identifier): each.attempted for each in await self._proofs(order)}

    async def _proofs(self, order: Order) -> list[Authorization]:
        return await authorizations.get_all(self.db, [number for number, _, _ in order.authorizations])

    def _profile(self, order: Order) -> Profile:
        found = self.profiles.get(order.profile)
        if found is None:
            raise Problem(ProblemType.INVALID_PROFILE, "the order's profile is not offered any more; make a new order")
        return found

    async def _account(self, order: Order) -> Account:
        found = await accounts.get(self.db, order.account_id)
        if found is None or found.status != "valid":
            raise Problem(ProblemType.UNAUTHORIZED, "the account is not in use any more")
        return found


def _certificate(order: Order, issuer: Issuer, leaf: Leaf, now: datetime, crl_partition: int) -> Certificate:
    return Certificate(
        serial=f"{leaf.serial:x}",
        account_id=order.account_id,
        order_id=order.id,
        issuer=issuer.name,
        profile=order.profile,
        identifiers=order.identifiers,
        not_before=leaf.not_before.replace(microsecond=0),
        not_after=leaf.not_after.replace(microsecond=0),
        issued_at=now,
        key_digest=sha256(leaf.spki).hexdigest(),
        crl_partition=crl_partition,
    )


def _names(order: Order) -> str:
    return ", ".join(str(each) for each in order.identifiers[:_NAMED])


def _about(order: Order) -> dict[str, object]:
    return {"account": order.account_id, "order": order.id, "profile": order.profile}


def _record(certificate: Certificate) -> dict[str, object]:
    return {
        "serial": certificate.serial,
        "account": certificate.account_id,
        "order": certificate.order_id,
        "issuer": certificate.issuer,
        "profile": certificate.profile,
        "names": [str(each) for each in certificate.identifiers],
        "not_after": certificate.not_after.isoformat(),
    }


def _dates(order: Order, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The validity that was asked for; a recurrent order's begins now, earlier by what it adjusts (RFC 8739 §3.5)."""
    wanted = order.recurrence
    if wanted is None:
        return order.not_before, order.not_after
    begin = max(now, wanted.start)
    end = min(begin + timedelta(seconds=wanted.lifetime), wanted.end)
    return begin - timedelta(seconds=wanted.adjust), end


def _recur_at(order: Order, certificate: Certificate) -> datetime | None:
    """When a recurrent order's next certificate is due: halfway (RFC 8739 §3.2), while there is more to come. One that
    its issuer's end has cut short is halfway later than that."""
    if order.recurrence is None or certificate.not_after >= order.recurrence.end:
        return None
    halfway = certificate.not_after - timedelta(seconds=order.recurrence.lifetime) / 2
    left = certificate.not_after - certificate.issued_at
    return max(halfway, certificate.issued_at + max(left / 2, _LEAST_PAUSE))


def _unrenewed(order: Order, problem: Problem, now: datetime) -> Statement:
    """What becomes of a recurrent order that has no next certificate: what may pass is tried again, several times
    within a certificate's life; what does not ends it."""
    if order.recurrence is not None and problem.type in _PASSING:
        again = now + max(timedelta(seconds=order.recurrence.lifetime) / 12, _LEAST_PAUSE)
        if again < order.recurrence.end:
            return orders.put_off(order, again)
    return orders.recurrence_ended(order, kept(problem))
