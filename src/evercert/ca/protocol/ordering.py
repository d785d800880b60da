"""newOrder and newAuthz (RFC 8555 §7.4, §7.4.1): what is wanted, checked, and what has to be proved for it.

An order and all that is new for it are one transaction, with the limits that it takes from and the predecessor that
it replaces: of two racers, one order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec

from evercert.acme.jose import b64url
from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.base.serving import Answer
from evercert.ca.limits import Bucket, orders_for
from evercert.ca.nouns import Account, Authorization, Order, Recurrence
from evercert.ca.profiles.profile import Profile
from evercert.ca.protocol.authorizations import authorization_answer
from evercert.ca.protocol.desk import Desk
from evercert.ca.protocol.granting import Granting, granting_of
from evercert.ca.protocol.orders import order_answer
from evercert.ca.protocol.replacing import predecessor_of
from evercert.ca.protocol.verify import Signed, payload_as
from evercert.ca.protocol.wanted import Wanted, wanted_identifiers
from evercert.ca.store import authorizations, certificates, orders
from evercert.ca.store.numbers import new_number
from evercert.ca.validation.device_attest01 import DEVICE_ATTEST_01
from evercert.db.protocol import Statement

__all__ = ["new_authz", "new_order"]

# An authorization that ends sooner is not worth an order's while.
_ALIVE: Final = timedelta(minutes=1)


class _Recurring(msgspec.Struct, frozen=True, rename="kebab"):
    end_date: datetime
    lifetime: Annotated[int, msgspec.Meta(ge=1, le=10**9)]
    start_date: datetime | None = None
    lifetime_adjust: Annotated[int, msgspec.Meta(ge=0, le=10**9)] = 0
    allow_certificate_get: bool = False


class _NewOrder(msgspec.Struct, frozen=True, rename="camel"):
    identifiers: Annotated[tuple[Wanted, ...], msgspec.Meta(min_length=1, max_length=1000)]
    not_before: datetime | None = None
    not_after: datetime | None = None
    replaces: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    profile: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    auto_renewal: _Recurring | None = msgspec.field(default=None, name="auto-renewal")


class _NewAuthz(msgspec.Struct, frozen=True, rename="camel"):
    identifier: Wanted
    subdomain_auth_allowed: bool = False


async def new_order(desk: Desk, signed: Signed) -> Answer:
    """201 with the order: a new one, or an open one that asked for the same."""
    asked = payload_as(_NewOrder, signed.payload)
    profile, replaces = desk.profile(asked.profile or ""), asked.replaces or ""
    identifiers, ancestors = wanted_identifiers(asked.identifiers, profile, subdomains=desk.rules.subdomains)
    now = desk.clock.now()
    dates = _dates(desk, asked, profile, now)
    recurrence = _recurrence(desk, asked, profile, now)
    digest = orders.digest_of(
        identifiers, ancestors, profile.name, asked.not_before, asked.not_after, replaces, recurrence
    )
    same = await orders.identical(desk.db, signed.account.id, digest, now + _ALIVE)
    if same and same.status(now) in {"pending", "ready"}:
        return order_answer(desk, same, 201)
    granting = await granting_of(desk, signed, profile)
    granting.check(identifiers)
    chosen = await _authorizations(desk, signed, profile, granting, identifiers, ancestors)
    await desk.limits.check_new(desk.db, [each.authorization for each in chosen if each.is_new], now)
    order = Order(
        id=new_number(now, desk.rng),
        account_id=signed.account.id,
        stored_status="pending",
        identifiers=identifiers,
        profile=profile.name,
        created_at=now,
        expires_at=min(now + profile.order_life, *(each.authorization.expires_at for each in chosen)),
        authorizations=tuple(
            (each.authorization.id, each.authorization.stored_status, each.authorization.expires_at) for each in chosen
        ),
        replaces=replaces,
        not_before=dates[0],
        not_after=dates[1],
        recurrence=recurrence,
    )
    await _place(desk, signed, order, digest, chosen, granting)
    desk.meters.ordered(profile.name, "new")
    return order_answer(desk, order, 201)


async def new_authz(desk: Desk, signed: Signed) -> Answer:
    """201 with the authorization: a new one, or one that the account has (§7.4.1)."""
    asked = payload_as(_NewAuthz, signed.payload)
    profile = desk.profile("")
    (identifier,), _ = wanted_identifiers((asked.identifier,), profile, subdomains=False)
    if identifier.wildcard:
        raise Problem(ProblemType.MALFORMED, "a wildcard is not authorized ahead of its order (RFC 8555 section 7.4.1)")
    if asked.subdomain_auth_allowed and not desk.rules.subdomains:
        raise Problem(ProblemType.UNAUTHORIZED, "subdomains are not authorized through their ancestors here")
    granting = await granting_of(desk, signed, profile)
    granting.check((identifier,))
    ancestors = {identifier: identifier} if asked.subdomain_auth_allowed else {}
    (chosen,) = await _authorizations(desk, signed, profile, granting, (identifier,), ancestors)
    if chosen.is_new:
        new, now, buckets = chosen.authorization, desk.clock.now(), _buckets(signed.account)
        await desk.limits.check_new(desk.db, [new], now)
        await _write(desk, buckets, now, authorizations.added(new, now), *granting.records((new,), now))
    answer = authorization_answer(desk, chosen.authorization, 201)
    return replace(answer, headers=(*answer.headers, ("location", desk.urls.authorization(chosen.authorization.id))))


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What one identifier waits for: an authorization of before, or a new one that is to be kept with the order."""

    authorization: Authorization
    is_new: bool


async def _authorizations(
    desk: Desk,
    signed: Signed,
    profile: Profile,
    granting: Granting,
    identifiers: Sequence[Identifier],
    ancestors: dict[Identifier, Identifier],
) -> list[_Chosen]:
    now = desk.clock.now()
    subjects = [ancestors.get(each, each) for each in identifiers]
    asked = [authorizations.candidates(signed.account.id, each, now + _ALIVE) for each in subjects]
    found = await desk.db.read(*asked)
    chosen: dict[Identifier, _Chosen] = {}
    # One proof of a name is for the order's names below it too, so it is the harder one, whichever of them came first.
    whole = set(ancestors.values())
    for subject, rows in zip(subjects, found, strict=True):
        if subject in chosen:
            continue
        for_subdomains = subject in whole
        usable = (authorizations.from_row(row) for row in rows)
        old = next((each for each in usable if _fits(each, subject, profile, for_subdomains, now)), None)
        new = old or _new(desk, signed, profile, granting, subject, for_subdomains)
        chosen[subject] = _Chosen(new, is_new=old is None)
    return list(chosen.values())


def _fits(old: Authorization, subject: Identifier, profile: Profile, for_subdomains: bool, now: datetime) -> bool:
    """Whether an order may wait for it: for the same name and profile, and valid or not begun."""
    same = old.identifier == subject and old.profile == profile.name and old.subdomains >= for_subdomains
    # An attestation is for one key, and the next order may come with another one.
    lasts = old.attempted != DEVICE_ATTEST_01
    # It is valid for longer than it serves further orders, if the order that it was made for may take longer.
    is_new = old.validated_at is not None and old.validated_at + profile.authorization_reuse > now
    reusable = old.stored_status == "valid" and lasts and is_new
    return same and (reusable or (old.stored_status == "pending" and not old.attempted))


def _new(
    desk: Desk, signed: Signed, profile: Profile, granting: Granting, subject: Identifier, for_subdomains: bool
) -> Authorization:
    now = desk.clock.now()
    offered = profile.challenges_for(subject, subdomains=for_subdomains)
    if not desk.rules.caa_identities:
        offered = tuple(each for each in offered if each != "dns-persist-01")
    pending = Authorization(
        id=new_number(now, desk.rng),
        account_id=signed.account.id,
        identifier=subject,
        profile=profile.name,
        stored_status="pending",
        token=b64url(desk.rng.randbytes(32)),
        offered=offered,
        attempted="",
        attempted_at=None,
        validated_at=None,
        error=None,
        expires_at=now + profile.pending_authorization_life,
        subdomains=for_subdomains,
    )
    if granting.allows(subject):
        reuse = max(profile.authorization_reuse, profile.order_life)
        return msgspec.structs.replace(
            pending, stored_status="valid", validated_at=now, expires_at=now + reuse, evidence=granting.evidence
        )
    if not offered:
        raise Problem(ProblemType.REJECTED_IDENTIFIER, "no challenge is offered that could prove it", name=str(subject))
    return pending


async def _place(
    desk: Desk, signed: Signed, order: Order, digest: str, chosen: Sequence[_Chosen], granting: Granting
) -> None:
    """Afterwards the order is there, with all that is new for it. Raises `rateLimited` or `alreadyReplaced`."""
    now, account = order.created_at, signed.account
    one_set = orders_for(account.id, order.identifiers)
    new = tuple(each.authorization for each in chosen if each.is_new)
    replaced: tuple[Statement, ...] = ()
    if order.replaces:
        predecessor = await predecessor_of(desk, signed, order)
        replaced = certificates.replaced(predecessor.serial, order.id, now)
    try:
        await _write(
            desk,
            [*_buckets(account), one_set],
            now,
            *(authorizations.added(each, now) for each in new),
            *orders.added(order, digest),
            *replaced,
            *granting.records(new, now),
        )
    except EvercertError as error:
        if error.code.name != "conflict":
            raise
        if order.replaces:
            raise Problem(ProblemType.ALREADY_REPLACED, "another order replaces that certificate") from error
        raise Problem(ProblemType.SERVER_INTERNAL, "something else was changed meanwhile; ask again") from error


def _buckets(account: Account) -> list[Bucket]:
    """What every order takes from, and every authorization ahead of one, which is as much work."""
    of_all = [Bucket("orders-per-eab", account.eab_kid)] if account.eab_kid else []
    return [Bucket("orders-per-account", str(account.id)), *of_all]


async def _write(desk: Desk, buckets: Sequence[Bucket], now: datetime, *statements: Statement) -> None:
    """Afterwards it is written, and taken from the buckets. Raises `rateLimited`, and `conflict` for anything else."""
    try:
        await desk.db.write(*desk.limits.taken(buckets, now), *statements)
    except EvercertError as error:
        if error.code.name == "conflict":
            await desk.limits.check(desk.db, buckets, now)
        raise


def _dates(desk: Desk, asked: _NewOrder, profile: Profile, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The validity that was asked for, if the profile lets it be chosen at all and it makes sense."""
    before, after = (_utc(each) for each in (asked.not_before, asked.not_after))
    if asked.auto_renewal is not None and (before or after):
        raise Problem(ProblemType.MALFORMED, "a recurrent order has its dates in auto-renewal (RFC 8739)")
    if before or after:
        issuer = desk.issuers.for_profile(profile.issuer, now)
        profile.check_dates(before, after, now, issuer.signer.not_after)
    return before, after


def _recurrence(desk: Desk, asked: _NewOrder, profile: Profile, now: datetime) -> Recurrence | None:
    wanted, allowed = asked.auto_renewal, desk.rules.recurrence
    if wanted is None:
        return None
    if allowed is None:
        raise Problem(ProblemType.MALFORMED, "recurrent orders are not taken here")
    start, end = _utc(wanted.start_date) or now, _utc(wanted.end_date) or now
    if not now - timedelta(minutes=5) <= start < end or end - start > allowed.longest:
        raise Problem(ProblemType.MALFORMED, f"a recurrent order ends after it starts, within {allowed.longest}")
    if start > now + profile.postdate:
        raise Problem(ProblemType.MALFORMED, f"a recurrent order starts no later than {profile.postdate} ahead")
    lifetime, adjust = timedelta(seconds=wanted.lifetime), timedelta(seconds=wanted.lifetime_adjust)
    if lifetime < allowed.shortest or adjust >= lifetime:
        raise Problem(ProblemType.MALFORMED, f"its certificates live {allowed.shortest} or longer, and overlap by less")
    longest = profile.longest(desk.issuers.for_profile(profile.issuer, now).signer.not_after, now)
    if lifetime + adjust > longest:
        raise Problem(ProblemType.MALFORMED, f"its certificates live no longer than the profile's: {longest}")
    return Recurrence(start, end, wanted.lifetime, wanted.lifetime_adjust, wanted.allow_certificate_get)


def _utc(when: datetime | None) -> datetime | None:
    if when is None:
        return None
    if when.tzinfo is None:
        raise Problem(ProblemType.MALFORMED, "a moment is written with its zone (RFC 3339)")
    try:
        return when.astimezone(UTC).replace(microsecond=0)
    except OverflowError as error:  # the first or last hours that there are, seen from another zone
        raise Problem(ProblemType.MALFORMED, "a moment lies between the years 1 and 9999, in UTC") from error
