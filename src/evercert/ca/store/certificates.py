"""Certificates that were signed: kept with their bytes, revoked once, replaced by one order each."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from evercert.base.clock import to_epoch
from evercert.ca.nouns import Certificate
from evercert.ca.store.rows import certificate_from, identifiers_to
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database, Statement

__all__ = ["added", "blocked", "body", "get", "is_blocked", "of_key", "replaced", "revoked", "with_body"]

_SQL: Final = queries("certificates")


async def get(db: Database, serial: str) -> Certificate | None:
    rows = await db.rows(_SQL["certificate"](serial=serial))
    return certificate_from(rows[0]) if rows else None


async def with_body(db: Database, serial: str) -> tuple[Certificate, bytes] | None:
    """It and its DER."""
    rows = await db.rows(_SQL["certificate with its body"](serial=serial))
    return (certificate_from(rows[0][:-1]), rows[0][-1]) if rows else None


async def body(db: Database, serial: str) -> bytes:
    """Its DER; empty where there is none."""
    rows = await db.rows(_SQL["certificate body"](serial=serial))
    return rows[0][0] if rows else b""


def added(certificate: Certificate, der: bytes) -> tuple[Statement, Statement]:
    """The statements that keep it; a conflict where the serial number was used before."""
    row = _SQL["add certificate"](
        serial=certificate.serial,
        account_id=certificate.account_id,
        order_id=certificate.order_id,
        issuer=certificate.issuer,
        profile=certificate.profile,
        identifiers=identifiers_to(certificate.identifiers),
        not_before=to_epoch(certificate.not_before),
        not_after=to_epoch(certificate.not_after),
        issued_at=to_epoch(certificate.issued_at),
        key_digest=certificate.key_digest,
        crl_partition=certificate.crl_partition,
    )
    return row, _SQL["add certificate body"](serial=certificate.serial, der=der)


def revoked(serial: str, reason: int, now: datetime) -> Statement:
    """The statement that revokes it; a conflict where it is revoked already."""
    return _SQL["revoke certificate"](serial=serial, reason=reason, now=to_epoch(now)).expecting(1)


def blocked(key_digest: str, reason: str, now: datetime) -> Statement:
    """The statement that keeps the key from being certified again. Idempotent."""
    return _SQL["block key"](key_digest=key_digest, reason=reason, now=to_epoch(now))


async def is_blocked(db: Database, key_digest: str) -> bool:
    return bool(await db.rows(_SQL["key is blocked"](key_digest=key_digest)))


async def of_key(db: Database, key_digest: str, now: datetime, limit: int = 1000) -> list[str]:
    """The serial numbers of a key's certificates that are neither expired nor revoked."""
    rows = await db.rows(_SQL["certificates of a key"](key_digest=key_digest, now=to_epoch(now), limit=limit))
    return [serial for (serial,) in rows]


def replaced(serial: str, order_id: int, now: datetime) -> tuple[Statement, Statement]:
    """The statements that let the order replace it; a conflict where another live one does (RFC 9773 §5)."""
    freed = _SQL["free replaced certificate"](serial=serial, now=to_epoch(now))
    return freed, _SQL["replace certificate"](serial=serial, order_id=order_id).expecting(1)
