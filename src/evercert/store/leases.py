"""Leases: who may work on which certificate, until when.

Rules of this file:

* Each time that a certificate is handed out, its epoch grows by one: it is the fencing token. What is written under a
  lease is written in one transaction with `fence`, so that whoever was given it earlier changes nothing any more,
  however late he wakes up.
* A lease that runs out makes the certificate due; nobody has to notice that its holder has died.

Moments are those of the nodes' own clocks. Two that differ by more than a lease's length cost double work, and no more.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

import msgspec

from evercert.base.clock import to_epoch
from evercert.db.protocol import Database, Statement
from evercert.store.sql import load_queries

__all__ = [
    "Lease",
    "claim",
    "claim_due",
    "claim_polls",
    "extend",
    "fence",
    "free",
    "holder",
    "is_current",
    "owners",
    "release",
]

_SQL: Final = load_queries("leases")
_FENCE: Final = replace(_SQL["fence"], apart=True)


class Lease(msgspec.Struct, frozen=True):
    """A certificate's name, and how often it was handed out."""

    certificate: str
    epoch: int


async def claim_due(db: Database, owner: str, now: datetime, until: datetime, limit: int) -> list[Lease]:
    """At most *limit* certificates that need attention and on which nobody works, most pressing first; they are
    *owner*'s until that moment."""
    claimed: list[Lease] = []
    for (rank,) in await db.rows(_SQL["ranks with due"](now=to_epoch(now))):
        statement = _SQL["claim due"](
            rank=rank, owner=owner, now=to_epoch(now), until=to_epoch(until), limit=limit - len(claimed)
        )
        [rows] = await db.write(statement)
        claimed += (Lease(*row) for row in rows)
        if len(claimed) >= limit:
            break
    return claimed


async def claim_polls(
    db: Database, owner: str, now: datetime, until: datetime, limit: int, *, by: datetime
) -> list[Lease]:
    """At most *limit* certificates on which nobody works and whose CA is to be asked again when to renew, and nothing
    done for them sooner, *by* that moment; they are *owner*'s until *until*."""
    statement = _SQL["claim polls"](owner=owner, now=to_epoch(now), until=to_epoch(until), by=to_epoch(by), limit=limit)
    [rows] = await db.write(statement)
    return [Lease(*row) for row in rows]


async def claim(db: Database, name: str, owner: str, now: datetime, until: datetime) -> Lease | None:
    """The certificate, due or not; None where somebody works on it, or where there is none of that name."""
    statement = _SQL["claim certificate"](name=name, owner=owner, now=to_epoch(now), until=to_epoch(until))
    [rows] = await db.write(statement)
    return Lease(*rows[0]) if rows else None


def fence(lease: Lease) -> Statement:
    """The statement that undoes its transaction where somebody else was given the certificate since."""
    return _FENCE(name=lease.certificate, epoch=lease.epoch).expecting(1)


async def is_current(db: Database, lease: Lease) -> bool:
    """Whether nobody was given the certificate since."""
    return await db.rows(_SQL["lease epoch"](name=lease.certificate)) == [(lease.epoch,)]


async def holder(db: Database, name: str) -> str | None:
    """Who works on it, empty for nobody; None where there is no such certificate."""
    rows = await db.rows(_SQL["lease holder"](name=name))
    return (rows[0][0] or "") if rows else None


async def extend(db: Database, owner: str, until: datetime) -> set[Lease]:
    """What nobody took from *owner*; afterwards it is his until that moment."""
    [rows] = await db.write(_SQL["extend leases"](owner=owner, until=to_epoch(until)))
    return {Lease(*row) for row in rows}


async def release(db: Database, lease: Lease, now: datetime) -> None:
    """Afterwards it is nobody's, and due; nothing, where it was let go or taken before."""
    await db.write(_SQL["release lease"](name=lease.certificate, epoch=lease.epoch, now=to_epoch(now)))


async def owners(db: Database) -> list[str]:
    """Everybody who works on something, or did when he died."""
    return [owner for (owner,) in await db.rows(_SQL["lease owners"]())]


async def free(db: Database, owner: str, now: datetime) -> int:
    """Afterwards nothing is *owner*'s, and what was is due; how many those were."""
    [rows] = await db.write(_SQL["free leases"](owner=owner, now=to_epoch(now)))
    return len(rows)
