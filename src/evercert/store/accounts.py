"""Accounts at CAs: `'' -> registered -> (rollover) -> ended`, each change durable before the next outside effect."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from evercert.db.protocol import Database, Row, Statement
from evercert.model.event import AccountChanged
from evercert.model.fact import Account, AccountStatus
from evercert.store import events
from evercert.store.columns import to_text
from evercert.store.sql import load_queries

__all__ = [
    "MadeWith",
    "add",
    "begin_rollover",
    "end",
    "end_rollover",
    "find",
    "get",
    "given_anew",
    "listed",
    "made_with",
    "of_issuance",
    "of_issuances",
    "registered",
    "set_contacts",
    "spent",
]

_SQL: Final = load_queries("accounts")


class MadeWith(NamedTuple):
    """The first account that was made with an external account, and whether that makes no other one."""

    name: str
    is_spent: bool


async def find(db: Database, ca: str, name: str) -> Account | None:
    """The account of that name at that CA; a deactivated one does not count."""
    rows = await db.rows(_SQL["account in use"](ca=ca, name=name))
    return _account(rows[0]) if rows else None


async def get(db: Database, account_id: int) -> Account | None:
    rows = await db.rows(_SQL["account"](id=account_id))
    return _account(rows[0]) if rows else None


async def of_issuance(db: Database, number: int) -> tuple[str, str] | None:
    """The CA that was asked, and the account's name there; None where the issuance is not kept any more."""
    rows = await db.rows(_SQL["account of an issuance"](id=number))
    return (rows[0][0], rows[0][1]) if rows else None


async def of_issuances(db: Database, numbers: Sequence[int]) -> dict[int, tuple[str, str]]:
    """The CA and the account's name of each of those issuances that is kept."""
    answers = await db.scan(*(_SQL["account of an issuance"](id=number) for number in numbers))
    return {number: (rows[0][0], rows[0][1]) for number, rows in zip(numbers, answers, strict=True) if rows}


async def listed(db: Database) -> list[Account]:
    """All accounts, deactivated ones too, by CA and name."""
    return [_account(row) for row in await db.rows(_SQL["all accounts"]())]


async def add(
    db: Database, ca: str, name: str, key_id: int, *, now: datetime, url: str = "", contacts: Sequence[str] = ()
) -> Account:
    """A new account, with its *url* if it was imported. Raises `conflict` if that name is in use at the CA."""
    statement = _SQL["add account"](ca=ca, name=name, key_id=key_id, url=url, contacts=to_text(contacts))
    event = AccountChanged(ca=ca, account_url=url, change="imported" if url else "added")
    return await _changed(db, statement, event, now)


async def registered(
    db: Database, account: Account, url: str, contacts: Sequence[str], *, now: datetime, eab_kid: str = ""
) -> Account:
    """Afterwards the account's URL is durable, and the external account that it was made with. Idempotent; raises
    `conflict` if it has another URL already."""
    statement = _SQL["account is registered"](id=account.id, url=url, contacts=to_text(contacts), eab_kid=eab_kid)
    event = AccountChanged(ca=account.ca, account_url=url, change="registered")
    return await _changed(db, statement, event, now)


async def set_contacts(db: Database, account: Account, contacts: Sequence[str], *, now: datetime) -> Account:
    statement = _SQL["change contacts"](id=account.id, contacts=to_text(contacts))
    return await _changed(db, statement, _event(account, "contacts"), now)


async def end(db: Database, account: Account, status: AccountStatus, *, now: datetime) -> Account:
    """Afterwards it is deactivated or revoked for good, and its name is free for another account. Raises `conflict` if
    it has ended or got another key since it was looked at."""
    statement = _SQL["end account"](
        id=account.id, status=status.value, key_id=account.key_id, next_key_id=account.next_key_id or 0
    )
    return await _changed(db, statement, _event(account, status.value), now)


async def begin_rollover(db: Database, account: Account, next_key_id: int, *, now: datetime) -> Account:
    """Afterwards both keys are known to be possible. Raises `conflict` while another rollover is open."""
    statement = _SQL["begin rollover"](id=account.id, next_key_id=next_key_id)
    return await _changed(db, statement, _event(account, "rollover-begun"), now)


async def end_rollover(db: Database, account: Account, key_id: int, *, now: datetime) -> Account:
    """Afterwards *key_id*, one of the two, is the account's only key."""
    statement = _SQL["end rollover"](id=account.id, key_id=key_id)
    change = "rolled-over" if key_id == account.next_key_id else "rollover-undone"
    return await _changed(db, statement, _event(account, change), now)


async def made_with(db: Database, ca: str, eab_kid: str, *, but: int = 0) -> MadeWith | None:
    """What that external account of the CA was used for, as far as it was written down, and *but* for the account of
    that number; none where for nothing."""
    rows = await db.rows(_SQL["made with an external account"](ca=ca, eab_kid=eab_kid, but=but))
    return MadeWith(rows[0][0], any(is_spent for _, is_spent in rows)) if rows else None


def spent(ca: str, eab_kid: str) -> Statement:
    """Afterwards it is known that the external account makes no other account."""
    return _SQL["external account is spent"](ca=ca, eab_kid=eab_kid, eab_spent=1)


def given_anew(ca: str, eab_kid: str) -> Statement:
    """Afterwards nothing is known against the external account, for somebody has given it again."""
    return _SQL["external account is spent"](ca=ca, eab_kid=eab_kid, eab_spent=0)


async def _changed(db: Database, statement: Statement, event: AccountChanged, now: datetime) -> Account:
    rows, _ = await db.write(statement.expecting(1), events.appended(event, now))
    return _account(rows[0])


def _event(account: Account, change: str) -> AccountChanged:
    return AccountChanged(ca=account.ca, account_url=account.url, change=change)


def _account(row: Row) -> Account:
    number, ca, name, key_id, url, status, contacts, next_key_id, eab_kid = row
    return Account(
        id=number,
        ca=ca,
        name=name,
        key_id=key_id,
        url=url,
        status=AccountStatus(status),
        contacts=msgspec.json.decode(contacts, type=tuple[str, ...]),
        next_key_id=next_key_id,
        eab_kid=eab_kid,
    )
