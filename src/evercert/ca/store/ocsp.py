"""What an OCSP responder asks: the status of a certificate, and answers that were signed before anybody asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from evercert.base.clock import to_epoch
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database, Row, Statement
from evercert.store.columns import moment, moment_or_none

__all__ = [
    "Known",
    "Signed",
    "ToAnswer",
    "dropped",
    "kept",
    "known_from",
    "page",
    "signed",
    "signed_from",
    "status",
]

_SQL: Final = queries("ocsp")


@dataclass(frozen=True, slots=True)
class Known:
    """What is so of a certificate of ours."""

    issuer: str
    revoked_at: datetime | None
    reason: int


@dataclass(frozen=True, slots=True)
class Signed:
    """An answer that says `good`: true only of a certificate that is not revoked by now."""

    der: bytes
    this_update: datetime
    next_update: datetime


@dataclass(frozen=True, slots=True)
class ToAnswer:
    """A certificate, and how new the answer about it is."""

    serial: str
    issuer: str
    not_after: datetime
    is_revoked: bool
    answered_at: datetime | None


def status(serial: str) -> Statement:
    """Whose one row, where there is one, `known_from` reads."""
    return _SQL["status"](serial=serial)


def known_from(row: Row) -> Known:
    issuer, revoked_at, reason = row
    return Known(issuer, moment_or_none(revoked_at), reason or 0)


def signed(serial: str) -> Statement:
    """Whose one row, where there is one, `signed_from` reads."""
    return _SQL["response"](serial=serial)


def signed_from(row: Row) -> Signed:
    der, this_update, next_update = row
    return Signed(der, moment(this_update), moment(next_update))


async def page(db: Database, after: str, limit: int) -> list[ToAnswer]:
    """So many certificates in the order of their serial numbers."""
    (rows,) = await db.scan(_SQL["certificates to answer for"](after=after, limit=limit))
    return [
        ToAnswer(serial, issuer, moment(not_after), revoked_at is not None, moment_or_none(answered_at))
        for serial, issuer, not_after, revoked_at, answered_at in rows
    ]


def kept(serial: str, answer: Signed) -> Statement:
    """The statement that keeps it, unless its certificate is revoked or there is a newer one."""
    times = {"this_update": to_epoch(answer.this_update), "next_update": to_epoch(answer.next_update)}
    return _SQL["keep response"](serial=serial, der=answer.der, **times)


def dropped(serial: str) -> Statement:
    """The statement that removes it, for the transaction that makes it untrue."""
    return _SQL["drop response"](serial=serial)
