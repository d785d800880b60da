"""What operators look for, over all accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from evercert.base.clock import to_epoch
from evercert.ca.nouns import Account, Certificate
from evercert.ca.store.rows import account_from, certificate_from
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database, Row, Statement

__all__ = ["Wanted", "accounts_of", "counts", "find", "incidents", "latest_records", "moved", "put_back"]

_SQL: Final = queries("operating")
_BEGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which certificates are meant; what is left out is not asked about. `serial` is the beginning of one, `name` a DNS
    name or address with `*` for anything, `alive_at` a moment before their end, `page` the last one
    (when it was issued, its serial number) of the page before."""

    serial: str = ""
    name: str = ""
    issuer: str = ""
    profile: str = ""
    account_id: int = 0
    key_digest: str = ""
    issued_from: datetime = _BEGIN
    issued_before: datetime = _END
    alive_at: datetime = _BEGIN
    revoked: bool | None = None
    page: tuple[datetime, str] = (_END, "")


async def find(db: Database, wanted: Wanted, limit: int) -> list[Certificate]:
    """Those that are meant, newest first."""
    statement = _SQL["find certificates"](
        serial=f"{_literally(wanted.serial.lower())}%" if wanted.serial else "",
        name=f'%"{_literally(wanted.name.lower()).replace("*", "%")}"%' if wanted.name else "",
        issuer=wanted.issuer,
        profile=wanted.profile,
        account_id=wanted.account_id,
        key_digest=wanted.key_digest,
        issued_from=to_epoch(wanted.issued_from),
        issued_before=to_epoch(wanted.issued_before),
        alive_at=to_epoch(wanted.alive_at),
        page_at=to_epoch(wanted.page[0]),
        page_serial=wanted.page[1],
        revoked=int(wanted.revoked is True),
        unrevoked=int(wanted.revoked is False),
        limit=limit,
    )
    return [certificate_from(row) for row in await db.rows(statement)]


def moved(serials: Sequence[str], start: datetime, end: datetime, explanation: str) -> tuple[Statement, ...]:
    """The statements that move the renewal windows of those certificates."""
    begin, last = to_epoch(start), to_epoch(end)
    return tuple(
        _SQL["move window"](serial=serial, start=begin, end=last, explanation=explanation) for serial in serials
    )


def put_back(explanation: str) -> Statement:
    """The statement that lets every window that was moved for that reason be where the life puts it."""
    return _SQL["put windows back"](explanation=explanation)


async def incidents(db: Database) -> list[Row]:
    """`(explanation, start, end, certificates, replaced)` of each that is open."""
    return await db.rows(_SQL["incidents"]())


async def counts(db: Database, now: datetime, since: datetime) -> tuple[list[Row], list[Row], list[Row]]:
    """Accounts and orders by status; certificates by profile: all, living, revoked of those, issued since."""
    accounts, orders, certificates = await db.read(
        _SQL["count accounts"](),
        _SQL["count orders"](),
        _SQL["count certificates"](now=to_epoch(now), since=to_epoch(since)),
    )
    return accounts, orders, certificates


async def latest_records(db: Database, limit: int, kind: str = "", before: int = 0) -> list[Row]:
    """Those before the one of that number, where there is one."""
    return await db.rows(_SQL["latest records"](limit=limit, kind=kind, before=before))


async def accounts_of(db: Database, limit: int, before: int = 0) -> list[Account]:
    """The newest, of those before the one of that number where there is one."""
    return [account_from(row) for row in await db.rows(_SQL["accounts of the ca"](limit=limit, before=before))]


def _literally(text: str) -> str:
    """*text* as a pattern that matches itself (LIKE ... ESCAPE)."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
