"""Accounts (RFC 8555 §7.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from evercert.acme.exchange import directory, fetch, post
from evercert.acme.jose import ExternalAccount, Signer, external_account_binding, key_change
from evercert.acme.problem import Problem, ProblemType
from evercert.acme.session import Session
from evercert.acme.step import Flow
from evercert.acme.wire import Account
from evercert.base.errors import EvercertError, NetworkFailure, Retry

__all__ = ["account", "deactivate_account", "new_account", "roll_over", "standing", "update_account"]

# What CAs answer about an account that may do nothing any more (§7.3.6), or that they do not know.
_MAYBE_ENDED = frozenset({ProblemType.UNAUTHORIZED, ProblemType.ACCOUNT_DOES_NOT_EXIST, ProblemType.MALFORMED})
_ASKED: Final = b'{"onlyReturnExisting":true}'


def new_account(
    session: Session,
    contacts: Sequence[str] = (),
    *,
    terms_agreed: bool = False,
    eab: ExternalAccount | None = None,
    only_return_existing: bool = False,
) -> Flow[Account]:
    """The key's account, which exists now; from here on the session speaks for it.

    Idempotent: a key that has an account gets that one (§7.3.1), and a lost answer is asked for
    again. With *only_return_existing*, raises `Problem` (ACCOUNT_DOES_NOT_EXIST) where there is none.
    """
    url = (yield from directory(session)).new_account
    payload: dict[str, Any] = {"onlyReturnExisting": True} if only_return_existing else {}
    payload |= {"contact": _contact_urls(contacts)} if contacts else {}
    payload |= {"termsOfServiceAgreed": True} if terms_agreed else {}
    if eab:
        jwk = session.signer.jwk
        payload["externalAccountBinding"] = external_account_binding(eab.kid, eab.key, eab.algorithm, jwk, url)
    response = yield from post(session, url, msgspec.json.encode(payload), repeatable=True, key=session.signer)
    location = session.location(response, url)
    known = _usable(session.read(Account, response, location))
    session.account_url = location
    return known


def account(session: Session) -> Flow[Account]:
    """The account as the CA has it."""
    return (yield from fetch(session, Account, session.known_account))


def standing(session: Session, stranger: Signer) -> Flow[str]:
    """The account's status as the CA holds it (§7.1.2); empty where it has no account with this key.

    A deactivated account may not even be read (§7.3.6), and `unauthorized` is said of much else: so it is asked for by
    its key as well (§7.3.1), and that is believed of the account only where *stranger*, a key made for this question
    that no CA knows, is told something else. Raises `Problem` where no answer is one, or is not the CA's own.
    """
    try:
        return (yield from account(session)).status
    except Problem as problem:
        if problem.type not in _MAYBE_ENDED or not problem.is_said:
            raise
    url = (yield from directory(session)).new_account
    try:
        response = yield from post(session, url, _ASKED, repeatable=True, key=session.signer)
    except Problem as problem:
        if problem.type is ProblemType.ACCOUNT_DOES_NOT_EXIST:
            return ""
        is_meant = problem.type is ProblemType.UNAUTHORIZED and problem.is_said
        if is_meant and (yield from _is_unknown(session, stranger)):
            return "deactivated"
        raise
    return session.read(Account, response, url).status


def _is_unknown(session: Session, stranger: Signer) -> Flow[bool]:
    """Whether the CA says of a key that it has never seen that it knows no such account; one that refuses everybody for
    a while (a tenant is suspended, an address not allowed) says what it says to us."""
    url = (yield from directory(session)).new_account
    try:
        yield from post(session, url, _ASKED, repeatable=True, key=stranger)
    except Problem as problem:
        return problem.type is ProblemType.ACCOUNT_DOES_NOT_EXIST
    except EvercertError:
        return False
    return False


def update_account(session: Session, contacts: Sequence[str]) -> Flow[Account]:
    """Afterwards the account has these contacts and no others (§7.3.2)."""
    return (yield from _change(session, {"contact": _contact_urls(contacts)}))


def deactivate_account(session: Session) -> Flow[Account]:
    """Afterwards the CA takes nothing signed by this key any more (§7.3.6); not to be undone."""
    return (yield from _change(session, {"status": "deactivated"}))


def roll_over(session: Session, new_key: Signer) -> Flow[Account]:
    """Afterwards the account has *new_key*, and the session signs with it (§7.3.5).

    If the answer is lost or a server's fault, the CA is asked which key it knows. After a failure
    ask again (*only_return_existing*) before either key is given up: that question may have failed.
    """
    url = (yield from directory(session)).key_change
    if not url:
        raise EvercertError("ca-refused", "the CA offers no change of an account's key", retry=Retry.NEVER)
    payload = key_change(session.signer, new_key, account_url=session.known_account, url=url)
    try:
        yield from post(session, url, payload)
    except NetworkFailure:
        if not (yield from _is_ours(session, new_key)):
            yield from post(session, url, payload)
    except Problem as problem:
        # §7.3.5: 409 means that an account has the new key; it may be ours, from an attempt before.
        # A server that failed (5xx) may have done it all the same.
        is_open = problem.status == 409 or problem.status >= 500
        if not is_open or not (yield from _is_ours(session, new_key)):
            raise
    session.signer = new_key
    return (yield from account(session))


def _is_ours(session: Session, key: Signer) -> Flow[bool]:
    """Whether the CA knows *key* as this account's."""
    url = (yield from directory(session)).new_account
    try:
        response = yield from post(session, url, _ASKED, repeatable=True, key=key)
    except Problem as problem:
        if problem.type is ProblemType.ACCOUNT_DOES_NOT_EXIST:
            return False
        raise
    return session.location(response, url) == session.account_url


def _change(session: Session, payload: dict[str, Any]) -> Flow[Account]:
    url = session.known_account
    response = yield from post(session, url, msgspec.json.encode(payload), repeatable=True)
    return session.read(Account, response, url)


def _usable(known: Account) -> Account:
    if known.status == "valid":
        return known
    raise EvercertError(
        "ca-refused", f"the account is {known.status}", ca=known.url, hint="register with a new key", retry=Retry.NEVER
    )


def _contact_urls(contacts: Sequence[str]) -> list[str]:
    return [contact if ":" in contact else f"mailto:{contact}" for contact in contacts]
