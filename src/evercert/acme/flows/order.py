"""Orders, from newOrder to a valid one (RFC 8555 §7.4)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from evercert.acme.exchange import directory, fetch, post, post_as_get
from evercert.acme.flows.account import account
from evercert.acme.flows.waiting import settled
from evercert.acme.jose import b64url
from evercert.acme.problem import Problem, ProblemType, problem_of
from evercert.acme.session import Session
from evercert.acme.state import ORDER, is_final
from evercert.acme.step import Flow, Sleep
from evercert.acme.wire import Order, OrderList
from evercert.base.errors import EvercertError, NetworkFailure, Retry
from evercert.base.names import Identifier

__all__ = ["await_order", "finalize", "new_order", "order", "orders"]

_MAX_PAGES = 1000
_MAX_ORDERS = 100_000
_MAX_FINALIZES = 4
# A CA whose parts lag behind each other says "ready" here and `orderNotReady` there for a second or two.
_FINALIZE_PAUSE = 0.5


def new_order(
    session: Session,
    identifiers: Sequence[Identifier],
    *,
    profile: str = "",
    profile_required: bool = False,
    replaces: str = "",
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> Flow[Order]:
    """An order for exactly these identifiers: a new one, or one that the CA had for them.

    Not idempotent, and never sent twice by itself: after a `NetworkFailure` or a server's fault,
    look among `orders` first. A *profile* that is not required is dropped where the CA does not
    offer or refuses it. *replaces* (RFC 9773 §5) is left out where the CA has no renewal
    information; raises `Problem` (ALREADY_REPLACED) where another order took it.
    """
    known = yield from directory(session)
    payload = {
        "identifiers": [{"type": each.type, "value": each.value} for each in identifiers],
        "profile": known.meta.profile_for(profile, required=profile_required),
        "replaces": replaces if known.renewal_info else "",
        "notBefore": _rfc3339(not_before),
        "notAfter": _rfc3339(not_after),
    }
    try:
        placed = yield from _place(session, known.new_order, payload)
    except Problem as problem:
        if profile_required or not payload["profile"] or not problem.refuses_profile:
            raise
        placed = yield from _place(session, known.new_order, payload | {"profile": ""})
    return _as_asked(placed, identifiers)


def order(session: Session, url: str) -> Flow[Order]:
    """The order at *url*, as it is now."""
    return (yield from fetch(session, Order, url))


def orders(session: Session) -> Flow[list[str]]:
    """The URLs of the account's orders, as many as the CA shows (§7.1.2.1).

    Raises `ca-refused` where the CA keeps no list of them, as Let's Encrypt does not.
    """
    page: str | None = (yield from account(session)).orders
    if not page:
        raise EvercertError("ca-refused", "the CA lists no orders", retry=Retry.NEVER)
    found: dict[str, None] = {}
    seen: set[str] = set()
    while page and page not in seen and len(seen) < _MAX_PAGES and len(found) < _MAX_ORDERS:
        seen.add(page)
        response = yield from post_as_get(session, page)
        found |= dict.fromkeys(session.read(OrderList, response, page).orders)
        page = next(session.links(response, "next", page), None)
    return list(found)


def await_order(
    session: Session, order_or_url: Order | str, timeout: float, until: Collection[str] = ("valid",)
) -> Flow[Order]:
    """The order once its status is among *until*, or final. Raises `wait-exceeded` after *timeout* seconds."""
    known = order_or_url
    if isinstance(known, str):
        known = yield from order(session, known)

    def is_settled(seen: Order) -> bool:
        return seen.status in until or is_final(ORDER, seen.status)

    return (yield from settled(session, known, is_settled, timeout, _waiting_for))


def finalize(session: Session, placed: Order, csr_der: bytes, timeout: float) -> Flow[Order]:
    """The order, valid: its certificate can be fetched (§7.4).

    The CSR is sent once: before it is sent again, the order is looked at. Raises `order-invalid`
    with the CA's reason, `wait-exceeded` after *timeout* seconds of one wait.
    """
    payload = msgspec.json.encode({"csr": b64url(csr_der)})
    # What the caller holds was read before its authorizations became valid.
    known = (yield from order(session, placed.url)) if placed.status == "pending" else placed
    for attempt in range(_MAX_FINALIZES):
        if known.status == "pending":
            known = yield from await_order(session, known, timeout, until=("ready", "processing", "valid"))
        if known.status != "ready":
            break
        try:
            response = yield from post(session, session.checked(known.finalize), payload)
            known = session.read(Order, response, known.url)
            break
        except (NetworkFailure, Problem) as error:
            if attempt + 1 == _MAX_FINALIZES or not _fate_is_open(error):
                raise
        yield Sleep(_FINALIZE_PAUSE * 2**attempt, "finalizing again")
        known = yield from order(session, known.url)
    return _valid((yield from await_order(session, known, timeout)))


def _place(session: Session, url: str, payload: dict[str, Any]) -> Flow[Order]:
    sent = {name: value for name, value in payload.items() if value}
    response = yield from post(session, url, msgspec.json.encode(sent))
    return session.read(Order, response, session.location(response, url))


def _as_asked(placed: Order, identifiers: Sequence[Identifier]) -> Order:
    if set(placed.identifiers) == set(identifiers):
        return placed
    raise EvercertError("bad-answer", "the CA made an order for other names than those that were asked for")


def _fate_is_open(error: EvercertError) -> bool:
    """Whether the order must be looked at to know what became of a finalize request."""
    if isinstance(error, Problem):
        return error.type is ProblemType.ORDER_NOT_READY or error.status >= 500
    return True


def _valid(known: Order) -> Order:
    if known.status == "valid":
        return known
    if known.error is None:
        raise EvercertError("order-invalid", "the CA gave the order up without a reason")
    problem = problem_of(known.error)
    raise EvercertError(
        "order-invalid",
        f"the CA gave the order up: {problem.message}",
        hint=problem.hint,
        retry=problem.retry,
        after=problem.after,
    )


def _waiting_for(known: Order) -> str:
    doing = "issue the certificate" if known.status == "processing" else "get the order ready"
    return f"waiting for the CA to {doing}"


def _rfc3339(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else ""
