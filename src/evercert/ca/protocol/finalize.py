"""Finalize (RFC 8555 §7.4): the certificate request comes in, and the order is `valid`, or `processing` for a while."""

from __future__ import annotations

from typing import Annotated

import msgspec

from evercert.acme.jose import unb64url
from evercert.acme.problem import Problem, ProblemType
from evercert.base.serving import Answer
from evercert.ca.nouns import Order
from evercert.ca.protocol.desk import Desk
from evercert.ca.protocol.orders import found, order_answer
from evercert.ca.protocol.verify import Signed, payload_as

__all__ = ["finalize"]


class _Finalize(msgspec.Struct, frozen=True):
    csr: Annotated[str, msgspec.Meta(max_length=88 * 1024)]


async def finalize(desk: Desk, signed: Signed, number: int) -> Answer:
    """The order after it was given its request; the same request again is answered with the order as it is by then."""
    order = await found(desk, signed, number)
    csr = _csr(signed)
    status = order.status(desk.clock.now())
    if status in {"processing", "valid"} and order.csr == csr:
        return order_answer(desk, order)
    if status != "ready":
        raise Problem(ProblemType.ORDER_NOT_READY, f"the order is {status}: {_next(order, status)}")
    return order_answer(desk, await desk.issuing.finalize(order, signed.account, csr))


def _csr(signed: Signed) -> bytes:
    try:
        return unb64url(payload_as(_Finalize, signed.payload).csr)
    except ValueError as error:
        raise Problem(ProblemType.BAD_CSR, "the request is not in base64url") from error


def _next(order: Order, status: str) -> str:
    if status == "pending":
        return "answer a challenge of each of its authorizations first"
    return "make a new order" if status == "invalid" else "it was finalized with another request"
