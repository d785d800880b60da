"""What the store says when all is over, beside what the customers hold: nothing lost, nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evercert.ca.operating.auditing import verify
from evercert.ca.store import certificates
from evercert.ca.urls import number_of
from evercert.db.protocol import Database, Query
from evercert.demo.cluster.customers import Got
from evercert.pki.cert import read_certificate

__all__ = ["Proof", "prove"]

_UNENDED: Final = Query("unended orders", "SELECT count(*) FROM orders WHERE status <> 'valid'")
_ISSUED: Final = Query("issued", "SELECT count(*) FROM certificates WHERE order_id <> 0")
_TWICE: Final = Query(
    "orders with two certificates",
    """
    SELECT count(*) FROM (
        SELECT order_id FROM certificates WHERE order_id <> 0 GROUP BY order_id HAVING count(*) > 1
    ) AS twice
    """,
)
_RECORDED: Final = Query("recorded", "SELECT count(*) FROM audit WHERE kind = 'issued'")
_KEPT: Final = Query("kept", "SELECT count(*) FROM certificates")


@dataclass(frozen=True, slots=True)
class Proof:
    """`lost` are certificates that a customer has and the store has not, or not so; `unended` orders that are not
    valid; `twice` orders with more than one certificate; `unrecorded` certificates that the audit does not tell
    of."""

    certificates: int
    lost: int
    unended: int
    twice: int
    unrecorded: int
    audit: int

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.unended or self.twice or self.unrecorded)


async def prove(db: Database, got: Sequence[Got]) -> Proof:
    """Raises `store` where the audit's chain is broken."""
    counted = await db.read(_ISSUED(), _UNENDED(), _TWICE(), _RECORDED(), _KEPT())
    issued, unended, twice, recorded, kept = (rows[0][0] for rows in counted)
    lost = [each for each in got if not await _is_kept(db, each)]
    return Proof(issued, len(lost), unended, twice, kept - recorded, (await verify(db)).records)


async def _is_kept(db: Database, got: Got) -> bool:
    """Whether the store has the certificate, as the one of the order that its customer placed."""
    serial = read_certificate(got.leaf).serial
    found = await certificates.get(db, serial)
    is_the_orders = found is not None and found.order_id == number_of(got.order.rpartition("/")[2])
    return is_the_orders and await certificates.body(db, serial) == got.leaf
