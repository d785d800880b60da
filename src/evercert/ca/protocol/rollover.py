"""keyChange (RFC 8555 §7.3.5): the old key and the new one both say so."""

from __future__ import annotations

import msgspec

from evercert.acme.jose import thumbprint
from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.serving import Answer
from evercert.ca.protocol.accounts import account_answer
from evercert.ca.protocol.answers import Header, problem_answer
from evercert.ca.protocol.desk import Desk
from evercert.ca.protocol.envelope import opened
from evercert.ca.protocol.verify import Signed, canonical_jwk, check_signature, checked_key, payload_as
from evercert.ca.store import accounts, audit

__all__ = ["key_change"]


class _KeyChange(msgspec.Struct, frozen=True, rename="camel"):
    account: str
    old_key: dict[str, object]


async def key_change(desk: Desk, signed: Signed) -> Answer:
    """Afterwards the account has the inner signature's key; 409 with the holder's URL where another one has it."""
    jwk = _new_key(desk, signed)
    new = thumbprint(jwk)
    if holder := await accounts.find(desk.db, new):
        return _taken(("location", desk.urls.account(holder.id)))
    now, old = desk.clock.now(), signed.account.thumbprint
    record = audit.appended(
        "key changed", {"account": signed.account.id, "old": old, "new": new, "from": signed.peer}, now
    )
    try:
        changed = await accounts.change_key(desk.db, signed.account, jwk, new, now, record)
    except EvercertError as error:
        if error.code.name != "conflict":
            raise
        return _taken()
    return account_answer(desk, changed, 200)


def _new_key(desk: Desk, signed: Signed) -> dict[str, str]:
    """The key in the inner JWS, once everything in it was found right."""
    inner = opened(signed.payload)
    if not inner.jwk:
        raise _malformed("is signed with its jwk, not with a kid")
    if inner.url != signed.url:
        raise _malformed("has another url than the request")
    if inner.nonce:
        raise _malformed("has a nonce")
    check_signature(inner, checked_key(inner.jwk))
    change = payload_as(_KeyChange, inner.payload)
    if change.account != desk.urls.account(signed.account.id):
        raise _malformed("is for another account")
    try:
        is_old = canonical_jwk(change.old_key) == signed.account.jwk
    except KeyError:
        is_old = False
    if not is_old:
        raise _malformed("names another old key than the account's")
    return canonical_jwk(inner.jwk)


def _malformed(fault: str) -> Problem:
    return Problem(ProblemType.MALFORMED, f"the key change {fault}")


def _taken(*headers: Header) -> Answer:
    problem = Problem(ProblemType.CONFLICT, "another account has that key, or this one has changed its own meanwhile")
    return problem_answer(problem, *headers)
