"""newAccount, and an account's own resource (RFC 8555 §7.3)."""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.serving import Answer
from evercert.ca.limits import Bucket, network_of
from evercert.ca.nouns import Account
from evercert.ca.problems import kept
from evercert.ca.protocol.answers import json_answer
from evercert.ca.protocol.desk import Desk
from evercert.ca.protocol.external import bound_to
from evercert.ca.protocol.verify import KeyHolder, Signed, payload_as
from evercert.ca.store import accounts, audit
from evercert.ca.store import orders as store_orders
from evercert.ca.store.eab import used
from evercert.ca.store.numbers import new_number
from evercert.ca.store.rows import account_from
from evercert.db.protocol import Statement

__all__ = ["account", "account_answer", "new_account", "orders"]

_PAGE = 100

Contacts = Annotated[tuple[Annotated[str, msgspec.Meta(max_length=320)], ...], msgspec.Meta(max_length=10)]

# RFC 6068 with neither header fields nor a second address (RFC 8555 §7.3); the address itself is the mailer's matter.
_MAILTO: Final = re.compile(
    r"mailto:[a-z0-9.!#$&'*+/=^_`{|}~-]{1,64}@(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{1,63}", re.IGNORECASE
)


class _NewAccount(msgspec.Struct, frozen=True, rename="camel"):
    contact: Contacts | None = None
    terms_of_service_agreed: bool | None = None
    only_return_existing: bool | None = None
    external_account_binding: msgspec.Raw = msgspec.Raw()


class _Update(msgspec.Struct, frozen=True):
    """§7.3.2: what else stands there, another status too, is passed over."""

    contact: Contacts | msgspec.UnsetType = msgspec.UNSET
    status: object = None


async def new_account(desk: Desk, holder: KeyHolder) -> Answer:
    """The key's account: 201 where it was made, 200 where it was there (RFC 8555 §7.3, §7.3.1)."""
    asked = payload_as(_NewAccount, holder.payload)
    if found := await accounts.find(desk.db, holder.thumbprint):
        return _found(desk, found)
    if asked.only_return_existing:
        raise Problem(ProblemType.ACCOUNT_DOES_NOT_EXIST, "no account has that key")
    if desk.rules.terms and not asked.terms_of_service_agreed:
        raise Problem(ProblemType.USER_ACTION_REQUIRED, "agree to the terms of service", instance=desk.rules.terms)
    _check_contacts(asked.contact or ())
    return await _make(desk, holder, asked)


async def _make(desk: Desk, holder: KeyHolder, asked: _NewAccount) -> Answer:
    external = await bound_to(desk, bytes(asked.external_account_binding), holder)
    now, number = desk.clock.now(), new_number(desk.clock.now(), desk.rng)
    kid = external.kid if external else ""
    buckets = [Bucket("accounts-per-network", network_of(holder.peer))]
    made = accounts.added(
        number,
        holder.jwk,
        holder.thumbprint,
        contacts=asked.contact or (),
        terms_agreed_at=now if asked.terms_of_service_agreed else None,
        now=now,
        peer=holder.peer,
        eab_kid=kid,
        binding=bytes(asked.external_account_binding).decode() if external else "",
    )
    record = audit.appended(
        "account", {"account": number, "key": holder.thumbprint, "eab": kid, "from": holder.peer}, now
    )
    spent: tuple[Statement, ...] = (used(kid, now),) if kid else ()
    try:
        *_, (row,), _ = await desk.db.write(*desk.limits.taken(buckets, now), *spent, made, record)
    except EvercertError as error:
        if error.code.name != "conflict":
            raise
        # Somebody was first with this key (the same client, twice), or a limit or an external key is used up.
        if found := await accounts.find(desk.db, holder.thumbprint):
            return _found(desk, found)
        await desk.limits.check(desk.db, buckets, now)
        raise Problem(ProblemType.UNAUTHORIZED, "the external account's key may not be used (any more)") from error
    return account_answer(desk, account_from(row), 201)


def _found(desk: Desk, found: Account) -> Answer:
    if found.status != "valid":
        raise Problem(ProblemType.UNAUTHORIZED, f"the key's account is {found.status}", status=401)
    return account_answer(desk, found, 200)


async def account(desk: Desk, signed: Signed, number: int) -> Answer:
    """The account, read, updated or deactivated by its owner (§7.3.2, §7.3.6)."""
    _must_own(signed, number)
    if signed.is_get:
        return account_answer(desk, signed.account, 200)
    asked = payload_as(_Update, signed.payload)
    now = desk.clock.now()
    if asked.status == "deactivated":
        why = kept(Problem(ProblemType.UNAUTHORIZED, "the account was deactivated"))
        record = audit.appended("account deactivated", {"account": number, "from": signed.peer}, now)
        return account_answer(desk, await accounts.end(desk.db, number, "deactivated", why, now, record), 200)
    if isinstance(asked.contact, tuple):
        _check_contacts(asked.contact)
        return account_answer(desk, await accounts.set_contacts(desk.db, number, asked.contact), 200)
    return account_answer(desk, signed.account, 200)


async def orders(desk: Desk, signed: Signed, number: int, after: int) -> Answer:
    """A page of the URLs of the account's orders, and where the next one is (§7.1.2.1)."""
    _must_own(signed, number)
    numbers = await store_orders.page(desk.db, number, after, _PAGE, desk.clock.now())
    more = [("link", f'<{desk.urls.orders(number, numbers[-1])}>;rel="next"')] if len(numbers) == _PAGE else []
    return json_answer(200, {"orders": [desk.urls.order(each) for each in numbers]}, *more)


def account_answer(desk: Desk, shown: Account, status: int) -> Answer:
    members: dict[str, object] = {"status": shown.status, "orders": desk.urls.orders(shown.id)}
    if shown.contacts:
        members["contact"] = shown.contacts
    if shown.terms_agreed:
        members["termsOfServiceAgreed"] = True
    return json_answer(status, members, ("location", desk.urls.account(shown.id)))


def _must_own(signed: Signed, number: int) -> None:
    if signed.account.id != number:
        raise Problem(ProblemType.UNAUTHORIZED, "that is another account")


def _check_contacts(contacts: Contacts) -> None:
    for contact in contacts:
        if not contact.lower().startswith("mailto:"):
            raise Problem(ProblemType.UNSUPPORTED_CONTACT, "only mailto: contacts are taken here")
        if not _MAILTO.fullmatch(contact):
            raise Problem(ProblemType.INVALID_CONTACT, "a mailto: contact is one e-mail address and nothing else")
