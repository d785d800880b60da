"""What CAs suggest about when to renew (RFC 9773): a window, and the moment drawn inside it once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from evercert.base.clock import to_epoch
from evercert.db.protocol import Database, Row, Statement
from evercert.model.event import RenewalMoved
from evercert.model.fact import IssuedCertificate, Renewal
from evercert.store import events, issued
from evercert.store.columns import moment
from evercert.store.leases import Lease
from evercert.store.sql import load_queries

__all__ = ["WIDTH", "ari_poll", "changed", "from_row", "get", "is_same", "latest", "polled", "put"]

_SQL: Final = load_queries("renewals")
# Nothing else that is written with it changes the certificate.
_POLL: Final = replace(_SQL["poll with renewal"], apart=True)
# Of those that are written together, each is about another certificate.
_POLLED: Final = replace(_SQL["polled"], apart=True)

# So many columns does `from_row` read.
WIDTH: Final = 5


async def get(db: Database, issued_id: int) -> Renewal | None:
    rows = await db.rows(_SQL["renewal"](issued_id=issued_id))
    return from_row(rows[0]) if rows else None


async def latest(db: Database, numbers: Sequence[int]) -> list[tuple[IssuedCertificate, Renewal | None]]:
    """The issued certificates of those numbers that are kept still, each with what its CA suggested last."""
    if not numbers:
        return []
    answers = await db.scan(*map(issued.of_number, numbers), *(_SQL["renewal"](issued_id=each) for each in numbers))
    pairs = zip(answers[: len(numbers)], answers[len(numbers) :], strict=True)
    return [(issued.from_row(rows[0]), from_row(told[0]) if told else None) for rows, told in pairs if rows]


async def put(db: Database, issued_id: int, renewal: Renewal, now: datetime) -> None:
    """Afterwards that is the window and the time of the next poll.

    The moment is kept as it was drawn for as long as the window stays the same. A moved one is an
    event. Idempotent; without effect if the certificate was pruned meanwhile.
    """
    known, kept = await db.read(_SQL["renewal"](issued_id=issued_id), issued.of_number(issued_id))
    if not kept:
        return
    await db.write(
        *changed(issued.from_row(kept[0]), from_row(known[0]) if known else None, renewal, now),
        _POLL(issued_id=issued_id, poll_at=to_epoch(renewal.poll_at)),
    )


def changed(current: IssuedCertificate, before: Renewal | None, renewal: Renewal, now: datetime) -> list[Statement]:
    """The statements that keep what the CA suggests now; a window that moved is an event."""
    statements = [
        _SQL["put renewal"](
            issued_id=current.id,
            window_start=to_epoch(renewal.window_start),
            window_end=to_epoch(renewal.window_end),
            moment=to_epoch(renewal.moment),
            poll_at=to_epoch(renewal.poll_at),
            explanation_url=renewal.explanation_url,
        )
    ]
    if before is not None and not is_same(before, renewal):
        moved = RenewalMoved(
            certificate=current.certificate,
            moment=renewal.moment.isoformat(),
            explanation_url=renewal.explanation_url,
        )
        statements.append(events.appended(moved, now))
    return statements


def is_same(before: Renewal, renewal: Renewal) -> bool:
    """Whether the window is the same, and with it the moment that was drawn."""
    return (before.window_start, before.window_end) == (renewal.window_start, renewal.window_end)


def polled(lease: Lease, poll_at: datetime, until: datetime, rank: int, now: datetime) -> Statement:
    """The statement after which the CA is asked again then and something is due at *until*, or *now* if somebody asked
    for attention; it lets the lease go, and does nothing where somebody else was given the certificate since."""
    return _POLLED(
        name=lease.certificate,
        epoch=lease.epoch,
        poll_at=to_epoch(poll_at),
        until=to_epoch(until),
        rank=rank,
        now=to_epoch(now),
    )


async def ari_poll(db: Database, certificate: str, poll_at: datetime) -> None:
    """Afterwards the CA is next asked then. Idempotent."""
    await db.write(_SQL["poll later"](name=certificate, poll_at=to_epoch(poll_at)))


def from_row(row: Row) -> Renewal:
    window_start, window_end, drawn, poll_at, explanation_url = row
    return Renewal(
        window_start=moment(window_start),
        window_end=moment(window_end),
        moment=moment(drawn),
        poll_at=moment(poll_at),
        explanation_url=explanation_url,
    )
