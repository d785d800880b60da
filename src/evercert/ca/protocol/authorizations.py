"""Authorizations and their challenges (RFC 8555 §7.5, §7.4.1): shown, answered, given up."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Final, Literal

import msgspec

from evercert.acme.challenge import DNS_PERSIST_01
from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.serving import Answer
from evercert.ca.limits import failures_of
from evercert.ca.nouns import Authorization
from evercert.ca.protocol.answers import document, json_answer, moment, retry_after
from evercert.ca.protocol.desk import Desk
from evercert.ca.protocol.verify import Signed, payload_as
from evercert.ca.store import audit, authorizations

__all__ = ["authorization", "authorization_answer", "challenge", "found"]

_POLL: Final = timedelta(seconds=1)
_MOMENT: Final = 0.25
_DEVICE: Final = "device-attest-01"


class _Update(msgspec.Struct, frozen=True):
    status: Literal["deactivated"] | msgspec.UnsetType = msgspec.UNSET


class _Response(msgspec.Struct, frozen=True, rename="camel"):
    """What a challenge is answered with: nothing but for device-attest-01."""

    att_obj: Annotated[str, msgspec.Meta(max_length=96 * 1024, pattern=r"^[A-Za-z0-9_-]*\Z")] = ""


async def found(desk: Desk, signed: Signed, number: int) -> Authorization:
    """The account's authorization of that number. Raises `malformed` (404) or `unauthorized`."""
    authorization = await authorizations.get(desk.db, number)
    if authorization is None:
        raise Problem(ProblemType.MALFORMED, "there is no such authorization", status=404)
    if authorization.account_id != signed.account.id:
        raise Problem(ProblemType.UNAUTHORIZED, "that is another account's authorization")
    return authorization


async def authorization(desk: Desk, signed: Signed, number: int) -> Answer:
    """The authorization, read or deactivated by its owner (§7.5, §7.5.2); again is no harm."""
    shown = await found(desk, signed, number)
    if signed.is_get:
        return authorization_answer(desk, shown)
    if payload_as(_Update, signed.payload).status == "deactivated":
        shown = await _deactivated(desk, signed, shown)
    return authorization_answer(desk, shown)


async def _deactivated(desk: Desk, signed: Signed, shown: Authorization) -> Authorization:
    now = desk.clock.now()
    body = {"account": signed.account.id, "authorization": shown.id, "identifier": str(shown.identifier)}
    try:
        record = audit.appended("authorization deactivated", body, now)
        return await authorizations.deactivate(desk.db, shown.id, now, record)
    except EvercertError as error:
        if error.code.name != "conflict":
            raise
        over = await found(desk, signed, shown.id)
        if over.stored_status == "deactivated":
            return over
        words = f"the authorization is {over.status(now)} and cannot be deactivated"
        raise Problem(ProblemType.MALFORMED, words) from error


async def challenge(desk: Desk, signed: Signed, number: int, challenge_type: str) -> Answer:
    """The challenge, read or answered by its owner (§7.5.1). Answered again, it is shown as it is by then."""
    shown = await found(desk, signed, number)
    if challenge_type not in shown.offered:
        raise Problem(ProblemType.MALFORMED, "the authorization has no such challenge", status=404)
    if not signed.is_get and shown.status(desk.clock.now()) == "pending" and not shown.attempted:
        shown = await _answered(desk, signed, shown, challenge_type)
    up = ("link", f'<{desk.urls.authorization(number)}>;rel="up"')
    wait = (retry_after(_POLL),) if shown.challenge_status(challenge_type) == "processing" else ()
    return json_answer(200, _challenge(desk, shown, challenge_type), up, *wait)


async def _answered(desk: Desk, signed: Signed, shown: Authorization, challenge_type: str) -> Authorization:
    response = payload_as(_Response, signed.payload)
    if challenge_type == _DEVICE and not response.att_obj:
        raise Problem(ProblemType.MALFORMED, "device-attest-01 is answered with an attObj")
    now = desk.clock.now()
    # Here, where what may fail begins: several authorizations of one name can have been made before one has failed.
    await desk.limits.check(desk.db, [failures_of(shown)], now)
    begun = await authorizations.begin_attempt(
        desk.db, shown.id, challenge_type, now=now, until=now + desk.pace.turn, response=response.att_obj
    )
    if begun is None:
        # Somebody was first: the same client twice, or with another challenge.
        return await found(desk, signed, shown.id)
    return await _soon(desk, desk.validating.begin(begun), begun)


async def _soon(desk: Desk, attempt: asyncio.Future[None], begun: Authorization) -> Authorization:
    """The authorization after the attempt, if that ends in a moment; else as it was begun. Many do, and their clients
    then need not ask again."""
    done, _ = await asyncio.wait((attempt,), timeout=_MOMENT)
    if not done:
        return begun
    return await authorizations.get(desk.db, begun.id) or begun


def authorization_answer(desk: Desk, shown: Authorization, status: int = 200) -> Answer:
    now = desk.clock.now()
    members: dict[str, object] = {
        "identifier": {"type": shown.identifier.type, "value": shown.identifier.base},
        "status": shown.status(now),
        "expires": moment(shown.expires_at),
        "challenges": [_challenge(desk, shown, each) for each in shown.shown_challenges],
    }
    if shown.identifier.wildcard:
        members["wildcard"] = True
    if shown.subdomains:
        members["subdomainAuthAllowed"] = True
    wait = (retry_after(_POLL),) if shown.attempted and members["status"] == "pending" else ()
    return json_answer(status, members, *wait)


def _challenge(desk: Desk, shown: Authorization, challenge_type: str) -> dict[str, object]:
    members: dict[str, object] = {
        "type": challenge_type,
        "url": desk.urls.challenge(shown.id, challenge_type),
        "status": shown.challenge_status(challenge_type),
    }
    if challenge_type == DNS_PERSIST_01:
        members |= _issuers(desk, shown)
    else:
        members["token"] = shown.token
    if challenge_type == shown.attempted and shown.validated_at is not None:
        members["validated"] = moment(shown.validated_at)
    if challenge_type == shown.attempted and shown.error is not None:
        members["error"] = document(shown.error)
    return members


def _issuers(desk: Desk, shown: Authorization) -> dict[str, object]:
    """Both drafts' members: -01's clients read the first and the account's URL, -02's the second."""
    names = desk.rules.caa_identities[:10]
    account = desk.urls.account(shown.account_id)
    return {"issuer-domain-names": names, "accounturi": account, "issuerDomainNames": names}
