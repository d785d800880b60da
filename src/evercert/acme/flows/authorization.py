"""Authorizations and their challenges (RFC 8555 §7.4.1, §7.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from evercert.acme import challenge as challenges
from evercert.acme.exchange import directory, fetch, post
from evercert.acme.flows.waiting import settled
from evercert.acme.foreign import shown
from evercert.acme.problem import ProblemType, problem_of
from evercert.acme.session import Session
from evercert.acme.state import AUTHORIZATION, is_final
from evercert.acme.step import Flow, SideBySide
from evercert.acme.wire import Authorization, Challenge, Order
from evercert.base.errors import EvercertError, NetworkFailure, Retry
from evercert.base.message import Response
from evercert.base.names import Identifier

__all__ = [
    "answer",
    "authorization",
    "authorizations",
    "await_authorization",
    "deactivate_authorization",
    "new_authorization",
]

_TOKEN_CHALLENGES = frozenset(
    {challenges.HTTP_01, challenges.DNS_01, challenges.TLS_ALPN_01, challenges.DNS_ACCOUNT_01}
)
_MAX_ANSWERS = 3


def authorization(session: Session, url: str) -> Flow[Authorization]:
    """The authorization at *url*; the tokens in it are fit for a path (§8.3)."""
    return _checked((yield from fetch(session, Authorization, url)))


def authorizations(session: Session, order: Order) -> Flow[list[Authorization]]:
    """All of the order's authorizations, in its order, fetched side by side.

    None at all is no fault: a CA may know the names as proved already.
    """
    batch = SideBySide([authorization(session, url) for url in order.authorizations])
    yield batch
    return batch.results


def new_authorization(session: Session, identifier: Identifier) -> Flow[Authorization]:
    """An authorization before any order (§7.4.1); raises `ca-refused` where the CA has none."""
    url = (yield from directory(session)).new_authz
    if not url:
        raise EvercertError("ca-refused", "the CA authorizes names only for an order", retry=Retry.NEVER)
    payload = msgspec.json.encode({"identifier": {"type": identifier.type, "value": identifier.value}})
    response = yield from post(session, url, payload)
    return _checked(session.read(Authorization, response, session.location(response, url)))


def deactivate_authorization(session: Session, url: str) -> Flow[Authorization]:
    """Afterwards the authorization counts for nothing (§7.5.2). Idempotent."""
    response = yield from post(session, session.checked(url), b'{"status":"deactivated"}', repeatable=True)
    return _checked(session.read(Authorization, response, url))


def answer(session: Session, challenge: Challenge, payload: Mapping[str, Any] | None = None) -> Flow[Challenge]:
    """Afterwards the CA has been told to validate (§7.5.1), once: where the answer's fate is
    unknown, the challenge is looked at before it is answered again."""
    for _ in range(_MAX_ANSWERS - 1):
        try:
            return (yield from _answer(session, challenge, payload))
        except NetworkFailure:
            challenge = yield from fetch(session, Challenge, challenge.url)
            if challenge.status != "pending":
                return challenge
    return (yield from _answer(session, challenge, payload))


def await_authorization(
    session: Session, authorization_or_url: Authorization | str, timeout: float
) -> Flow[Authorization]:
    """The authorization, valid. Raises `challenge-failed` (or the code of the CA's own problem)
    with the CA's words and the name; `wait-exceeded` after *timeout* seconds.

    One that is known to be pending is first waited for, and then looked at."""
    known = authorization_or_url
    if isinstance(known, str):
        known = yield from authorization(session, known)
    known = yield from settled(session, known, _is_settled, timeout, _waiting_for)
    if known.status != "valid":
        raise _failure(known)
    return known


def _answer(session: Session, challenge: Challenge, payload: Mapping[str, Any] | None) -> Flow[Challenge]:
    # Errata 5729: an empty object where the type has no fields of its own.
    response: Response = yield from post(session, session.checked(challenge.url), msgspec.json.encode(payload or {}))
    return session.read(Challenge, response, challenge.url)


def _checked(known: Authorization) -> Authorization:
    for each in known.challenges:
        if each.type in _TOKEN_CHALLENGES:
            challenges.checked_token(each.token)
    return known


def _is_settled(known: Authorization) -> bool:
    # "valid" is not final (it expires), but it is what was waited for.
    return known.status == "valid" or is_final(AUTHORIZATION, known.status)


def _waiting_for(known: Authorization) -> str:
    fault = next((f": {each.error}" for each in known.challenges if each.error), "")
    return f"waiting for the CA to validate {known.identifier}{fault}"


def _failure(known: Authorization) -> EvercertError:
    name = known.identifier.value
    fault = next(((each.type, each.error) for each in known.challenges if each.error), None)
    if fault is None:
        return EvercertError("challenge-failed", f"the authorization is {known.status}", name=name)
    challenge_type, problem = shown(fault[0], 40), problem_of(fault[1])
    # "unauthorized" and the like say nothing of validation; here that is what has failed.
    code = "challenge-failed" if problem.code.name == "acme" else problem.code.name
    return EvercertError(
        code,
        f"{challenge_type}: {problem.message}",
        # CAs say "unauthorized" of an answer that is not the challenge's (RFC 8555 §8.3).
        hint=problem.hint or ProblemType.INCORRECT_RESPONSE.value.hint,
        name=name,
        retry=problem.retry,
        after=problem.after,
    )
