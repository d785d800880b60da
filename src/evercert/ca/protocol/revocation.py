"""revokeCert (RFC 8555 §7.6): by the account that got it, by its own key, or by whoever may have all of its names."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from evercert.acme.jose import unb64url
from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.base.serving import Answer
from evercert.ca.nouns import Account, Authorization, Certificate
from evercert.ca.protocol.desk import Desk
from evercert.ca.protocol.verify import KeyHolder, Signed, payload_as
from evercert.ca.revoking import KEY_COMPROMISE
from evercert.ca.store import authorizations, certificates, orders
from evercert.pki.cert import read_certificate
from evercert.pki.reasons import REVOKING

__all__ = ["REASONS", "revoke_cert"]

# RFC 5280 §5.3.1. 7 is not used, and 8 takes a certificate off a list, which is no revocation.
REASONS: Final = frozenset(REVOKING.values())


class _Revoke(msgspec.Struct, frozen=True):
    certificate: Annotated[str, msgspec.Meta(max_length=88 * 1024)]
    reason: int | None = None


async def revoke_cert(desk: Desk, by: Signed | KeyHolder) -> Answer:
    """Afterwards the certificate is revoked: durably, and in every status answer and list made from now on."""
    asked = payload_as(_Revoke, by.payload)
    found, spki = await _found(desk, asked.certificate)
    reason = asked.reason or 0
    await _check_right(desk, by, found, spki, reason)
    await _check_not_recurring(desk, found)
    if reason not in REASONS:
        words = f"the reason is one of {', '.join(map(str, sorted(REASONS)))} (RFC 5280 section 5.3.1)"
        raise Problem(ProblemType.BAD_REVOCATION_REASON, words)
    who = f"account {by.account.id}" if isinstance(by, Signed) else "the certificate's key"
    try:
        await desk.revoking.revoke(found, reason, who, by.peer)
    except EvercertError as error:
        if error.code.name != "conflict":
            raise
        raise Problem(ProblemType.ALREADY_REVOKED, "the certificate is revoked already") from error
    return Answer(200)


async def _found(desk: Desk, text: str) -> tuple[Certificate, bytes]:
    """What we have signed of exactly those bytes, and its key."""
    try:
        der = unb64url(text)
        view = read_certificate(der)
    except (ValueError, EvercertError) as error:
        raise Problem(ProblemType.MALFORMED, "that is not a certificate in base64url") from error
    found = await certificates.get(desk.db, view.serial)
    if found is None or await certificates.body(desk.db, found.serial) != der:
        raise Problem(ProblemType.MALFORMED, "the certificate is not one of this CA", status=404)
    return found, view.spki


async def _check_right(desk: Desk, by: Signed | KeyHolder, found: Certificate, spki: bytes, reason: int) -> None:
    if isinstance(by, KeyHolder):
        if by.key.spki != spki:
            raise Problem(ProblemType.UNAUTHORIZED, "the request is not signed with the certificate's key")
    elif by.account.id != found.account_id:
        await _check_authorized(desk, by.account, found)
        if reason == KEY_COMPROMISE:
            # It blocks the key wherever it is used, and whoever has the names may never have seen it.
            words = "that a key is compromised is said by the key, or by the certificate's own account"
            raise Problem(ProblemType.BAD_REVOCATION_REASON, words)


async def _check_authorized(desk: Desk, account: Account, found: Certificate) -> None:
    """Raises `unauthorized` unless the account has a valid authorization for each of the names."""
    now = desk.clock.now()
    asked = [authorizations.candidates(account.id, each, now) for each in found.identifiers]
    rows = await desk.db.read(*asked)
    for identifier, candidates in zip(found.identifiers, rows, strict=True):
        if not any(_covers(authorizations.from_row(row), identifier) for row in candidates):
            raise Problem(ProblemType.UNAUTHORIZED, "the certificate is another account's, and not all names are yours")


async def _check_not_recurring(desk: Desk, found: Certificate) -> None:
    """RFC 8739 §3.1.3: a recurrent order's certificates are too short-lived to be revoked."""
    order = await orders.get(desk.db, found.order_id)
    if order is not None and order.recurrence is not None:
        raise Problem(ProblemType.AUTO_RENEWAL_REVOCATION_NOT_SUPPORTED, "cancel the recurrent order instead")


def _covers(authorization: Authorization, wanted: Identifier) -> bool:
    return authorization.stored_status == "valid" and authorization.identifier == wanted
