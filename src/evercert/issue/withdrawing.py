"""Taking an order back that nobody waits for any more. ACME has no word for it; what there is to take back are its
pending authorizations (RFC 8555 §7.5.2)."""

from __future__ import annotations

from evercert.acme.client import AsyncClient
from evercert.acme.wire import Order

__all__ = ["withdraw"]


async def withdraw(ca: AsyncClient, order_url: str) -> Order:
    """Afterwards nothing of the order is pending at the CA; the order as it was then. Idempotent.

    Authorizations that are valid stay: the account's next order can use them.
    """
    order = await ca.order(order_url)
    if order.status == "pending":
        for authorization in await ca.authorizations(order):
            if authorization.status == "pending":
                await ca.deactivate_authorization(authorization.url)
    return order
