"""One attempt: from an issuance, wherever it stands, to a certificate.

Rules of this file:

* The CA's order is the truth. An attempt begins by looking at it, so that one which is begun
  again (after a crash, a lost response, a restart) does only what is still to be done.
* Durable before visible: `Record` is written before each outside effect that it is about.
* At most one order: a newOrder whose fate is unknown is looked for before another is placed.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TypeVar

import msgspec

from evercert.acme.problem import Problem, problem_of
from evercert.acme.wire import Order
from evercert.base.errors import EvercertError
from evercert.issue.authorize import authorize
from evercert.issue.chain import acceptable_chain
from evercert.issue.means import Means
from evercert.issue.placing import find_order, is_forgotten, place_order
from evercert.model.fact import Issuance, IssuanceStatus, IssuedCertificate
from evercert.pki.chain import OtherCertificate

__all__ = ["OrderLost", "OrderProcessing", "OrderStale", "obtain"]

_E = TypeVar("_E", bound=EvercertError)

# How long one wait for the CA may last before the attempt is left, to be gone on with later.
_PATIENCE = 600.0

# For so long after an issuance was begun its CA's list of orders is waited for, where it is needed: for three attempts
# or so, and more near the end of a certificate's life.
_LISTING = timedelta(hours=1)


class OrderLost(EvercertError):
    """The order can never yield a certificate (invalid, expired, forgotten by the CA).

    Its own class because the engine closes the issuance and begins another.
    """


class OrderStale(OrderLost):
    """The order was lost before this attempt began: nobody failed now, and another one may be placed at once."""


class OrderProcessing(EvercertError):
    """The CA has the request, and takes longer than an attempt waits: the certificate may be there the next time.

    Its own class because such an order is not given up, however long it takes.
    """


async def obtain(means: Means, issuance: Issuance) -> IssuedCertificate:
    """Afterwards the certificate is issued and durable, and no challenge answer is left behind.

    May be called again with the same issuance after any failure; raises `OrderLost` where only
    another issuance can help, and `wait-exceeded` where the whole of it took longer than it may.
    """
    try:
        async with asyncio.timeout(means.patience) as bound:
            issuance, chain = await _obtained(means, issuance)
    except TimeoutError as error:
        if not bound.expired():
            raise
        raise _endless(means) from error
    return await means.record.issued(issuance, chain)


async def _obtained(means: Means, issuance: Issuance) -> tuple[Issuance, tuple[bytes, ...]]:
    """The issuance as it stands then, and its certificate, which the CA has shown."""
    order, issuance = await _order(means, issuance)
    try:
        if order.status == "pending":
            await authorize(means, issuance, order)
            # Every authorization is valid, so the order is ready (RFC 8555 §7.1.6); where the CA takes a
            # moment to notice, finalize looks again.
            order = msgspec.structs.replace(order, status="ready")
        order = await _finalized(means, issuance, order)
    except EvercertError as error:
        raise await _judged(means, order.url, error) from error
    try:
        return issuance, await acceptable_chain(means, order)
    except OtherCertificate as error:
        raise _as(OrderLost, error) from error


async def _order(means: Means, issuance: Issuance) -> tuple[Order, Issuance]:
    """The issuance's order: the one it knows, the one placed but never noted, or a new one."""
    if issuance.order_url:
        return await _known_order(means, issuance.order_url), issuance
    if issuance.status is IssuanceStatus.PLACING and (found := await _order_placed_before(means, issuance)):
        return found, await means.record.ordered(issuance, found.url, adopted=True)
    return await place_order(means, issuance)


async def _order_placed_before(means: Means, issuance: Issuance) -> Order | None:
    """The order of a newOrder whose answer was never heard; none where the CA has none.

    While the CA cannot say, none is placed, or there might be two. After an hour there may be: then this issuance is
    lost and another one begun in its stead, and its order withdrawn when the list shows it.
    """
    try:
        return await find_order(means, issuance)
    except EvercertError as error:
        if not error.ca or means.clock.now() - issuance.created_at < _LISTING:  # or it is no CA's matter
            raise
        raise OrderStale("order-invalid", f"for too long the CA has not said what was ordered ({error})") from error


async def _known_order(means: Means, url: str) -> Order:
    try:
        order = await means.ca.order(url)
    except Problem as problem:
        if is_forgotten(problem):
            raise OrderStale("order-invalid", f"the CA no longer knows the order ({problem})") from problem
        raise
    if order.status == "invalid":
        raise OrderStale("order-invalid", _why(order))
    return order


async def _finalized(means: Means, issuance: Issuance, order: Order) -> Order:
    """The order, valid; its CSR is sent unless that was done before."""
    if order.status in {"pending", "ready"}:
        order = await means.ca.finalize(order, issuance.csr, timeout=_PATIENCE)
    if order.status == "processing":
        order = await means.ca.await_order(order, timeout=_PATIENCE)
    if order.status != "valid":
        raise OrderLost("order-invalid", _why(order))
    return order


async def _judged(means: Means, url: str, error: EvercertError) -> EvercertError:
    """*error*, as `OrderLost` if the order did not survive it, as `OrderProcessing` if it is the CA's turn."""
    try:
        order = await means.ca.order(url)
    except EvercertError:
        return error
    if order.status == "processing" and error.code.name == "wait-exceeded":
        return _as(OrderProcessing, error)
    return error if order.status != "invalid" or isinstance(error, OrderLost) else _as(OrderLost, error)


def _endless(means: Means) -> EvercertError:
    """It names no CA: every wait for one has its own bound, so that it is no CA's matter."""
    hours = means.patience / 3600
    return EvercertError(
        "wait-exceeded",
        f"the attempt was left after {hours:.3g} h, for it did not end; the next one goes on with the same order",
        name=means.intent.name,
        hint="the lines before it say what it waited for: most likely a program or a plugin that does not end",
    )


def _as(kind: type[_E], error: EvercertError) -> _E:
    """The same, as one of that kind."""
    about = {"hint": error.hint, "name": error.name, "ca": error.ca}
    told = kind(error.code.name, error.message, retry=error.retry, after=error.after, **about)
    told.parts = error.parts
    return told


def _why(order: Order) -> str:
    reason = str(problem_of(order.error)) if order.error else f"its status is {order.status}"
    return f"the order cannot be finished: {reason}"
