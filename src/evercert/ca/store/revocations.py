"""What is revoked, as lists are made of it: read in the order in which it came, forgotten once it is of no use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from evercert.base.clock import to_epoch
from evercert.ca.nouns import Certificate
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database, Statement
from evercert.pki.crl import entry

__all__ = ["added", "entries", "forget_expired"]

_SQL: Final = queries("revocations")

# So many rows are read at a time: others are served between two portions.
_PORTION: Final = 2_000


def added(certificate: Certificate, reason: int, now: datetime) -> tuple[Statement, Statement]:
    """The statements that list it, for the transaction that revokes it."""
    listed = _SQL["list certificate"](
        issuer=certificate.issuer,
        partition=certificate.crl_partition,
        serial=certificate.serial,
        revoked_at=to_epoch(now),
        reason=reason,
        not_after=to_epoch(certificate.not_after),
        entry=entry(int(certificate.serial, 16), now, reason),
    )
    return listed, _SQL["count revocation"](issuer=certificate.issuer, partition=certificate.crl_partition)


async def entries(
    db: Database, issuer: str, partition: int, since: datetime | None = None
) -> AsyncIterator[list[bytes]]:
    """Portions of the entries (DER) of certificates in that partition, oldest first; those revoked *since* then. What
    was revoked before this began is among them; what is revoked meanwhile may be."""
    at, serial = to_epoch(since) if since else 0, ""
    while True:
        (rows,) = await db.scan(
            _SQL["entries"](issuer=issuer, partition=partition, revoked_at=at, serial=serial, limit=_PORTION)
        )
        if rows:
            at, serial, _ = rows[-1]
            yield [each for _, _, each in rows]
        if len(rows) < _PORTION:
            return


async def forget_expired(db: Database, issuer: str, before: datetime, limit: int) -> int:
    """Afterwards so many fewer of its entries are kept whose certificates had ended, and were revoked, before then."""
    (rows,) = await db.write(_SQL["forget expired entries"](issuer=issuer, before=to_epoch(before), limit=limit))
    return len(rows)
