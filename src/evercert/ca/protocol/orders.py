"""newOrder, newAuthz, and an order's own resource (RFC 8555 §7.4, §7.4.1; RFC 9773 §5; RFC 9444; RFC 8739)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.serving import Answer
from evercert.ca.nouns import Order
from evercert.ca.protocol.answers import document, json_answer, moment, retry_after
from evercert.ca.protocol.desk import Desk
from evercert.ca.protocol.verify import Signed, payload_as
from evercert.ca.store import audit, orders

__all__ = ["found", "order", "order_answer"]

_POLL: Final = timedelta(seconds=1)


class _Update(msgspec.Struct, frozen=True):
    status: Literal["canceled"] | msgspec.UnsetType = msgspec.UNSET


async def found(desk: Desk, signed: Signed, number: int) -> Order:
    """The account's order of that number. Raises `malformed` (404) or `unauthorized`."""
    order = await orders.get(desk.db, number)
    if order is None:
        raise Problem(ProblemType.MALFORMED, "there is no such order", status=404)
    if order.account_id != signed.account.id:
        raise Problem(ProblemType.UNAUTHORIZED, "that is another account's order")
    return order


async def order(desk: Desk, signed: Signed, number: int) -> Answer:
    """The order, read by its owner, or, where it recurs, ended by him (RFC 8739 §3.1.2)."""
    shown = await found(desk, signed, number)
    if signed.is_get:
        return order_answer(desk, shown)
    if payload_as(_Update, signed.payload).status == "canceled":
        shown = await _cancelled(desk, signed, shown)
    return order_answer(desk, shown)


async def _cancelled(desk: Desk, signed: Signed, shown: Order) -> Order:
    if shown.recurrence is None or shown.stored_status != "valid":
        words = "only a recurrent order that has begun is cancelled"
        raise Problem(ProblemType.AUTO_RENEWAL_CANCELLATION_INVALID, words)
    record = audit.appended("order cancelled", {"account": signed.account.id, "order": shown.id}, desk.clock.now())
    try:
        await desk.db.write(orders.cancelled(shown.id), record)
    except EvercertError as error:
        if error.code.name != "conflict":
            raise
    return await found(desk, signed, shown.id)


def order_answer(desk: Desk, shown: Order, status: int = 200) -> Answer:
    now = desk.clock.now()
    state = shown.status(now)
    members: dict[str, object] = {
        "status": state,
        "expires": moment(shown.expires_at),
        "identifiers": [{"type": each.type, "value": each.value} for each in shown.identifiers],
        "authorizations": [desk.urls.authorization(each) for each, _, _ in shown.authorizations],
        "finalize": desk.urls.finalize(shown.id),
        "profile": shown.profile,
    }
    members |= _dates(shown) | _outcome(desk, shown, state)
    wait = (retry_after(_POLL),) if state == "processing" else ()
    return json_answer(status, members, ("location", desk.urls.order(shown.id)), *wait)


def _dates(shown: Order) -> dict[str, object]:
    dates: dict[str, datetime | None] = {"notBefore": shown.not_before, "notAfter": shown.not_after}
    return {name: moment(when) for name, when in dates.items() if when is not None}


def _outcome(desk: Desk, shown: Order, state: str) -> dict[str, object]:
    outcome: dict[str, object] = {}
    if shown.replaces:
        outcome["replaces"] = shown.replaces
    if shown.recurrence is not None:
        outcome["auto-renewal"] = _recurrence(shown)
    if shown.certificate and shown.recurrence is not None:
        outcome["star-certificate"] = desk.urls.star_certificate(shown.id)
    elif shown.certificate:
        outcome["certificate"] = desk.urls.certificate(shown.certificate)
    if shown.error is not None:
        outcome["error"] = document(shown.error)
    elif state == "invalid":
        words = "an authorization failed, expired or was given up, or the order expired"
        outcome["error"] = {"type": ProblemType.UNAUTHORIZED.urn, "detail": words, "status": 403}
    return outcome


def _recurrence(shown: Order) -> dict[str, object]:
    recurrence = shown.recurrence
    if recurrence is None:
        return {}
    members: dict[str, object] = {
        "start-date": moment(recurrence.start),
        "end-date": moment(recurrence.end),
        "lifetime": recurrence.lifetime,
    }
    if recurrence.adjust:
        members["lifetime-adjust"] = recurrence.adjust
    if recurrence.allow_get:
        members["allow-certificate-get"] = True
    return members
