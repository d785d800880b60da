"""Accounts: `valid -> deactivated | revoked`. One key has one account, for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from evercert.acme.state import AccountStatus
from evercert.acme.wire import ProblemDocument
from evercert.base.clock import to_epoch
from evercert.ca.nouns import Account
from evercert.ca.store.rows import account_from, problem_to
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database, Statement
from evercert.store.columns import number_or_none, to_text

__all__ = ["added", "change_key", "end", "find", "former_thumbprints", "get", "set_contacts"]

_SQL: Final = queries("accounts")

# Former keys of one account: each is looked for in every record of a dns-persist-01.
_REMEMBERED: Final = 20


async def get(db: Database, account_id: int) -> Account | None:
    rows = await db.rows(_SQL["account"](id=account_id))
    return account_from(rows[0]) if rows else None


async def find(db: Database, thumbprint: str) -> Account | None:
    """The account of that key, whatever its status."""
    rows = await db.rows(_SQL["account of a key"](thumbprint=thumbprint))
    return account_from(rows[0]) if rows else None


def added(
    account_id: int,
    jwk: Mapping[str, str],
    thumbprint: str,
    *,
    contacts: Sequence[str],
    terms_agreed_at: datetime | None,
    now: datetime,
    peer: str,
    eab_kid: str = "",
    binding: str = "",
) -> Statement:
    """The statement that makes it; a conflict where the key has one."""
    return _SQL["add account"](
        id=account_id,
        thumbprint=thumbprint,
        jwk=to_text(jwk),
        contacts=to_text(contacts),
        terms_agreed_at=number_or_none(terms_agreed_at),
        eab_kid=eab_kid,
        binding=binding,
        created_at=to_epoch(now),
        created_from=peer,
    ).expecting(1)


async def set_contacts(db: Database, account_id: int, contacts: Sequence[str]) -> Account:
    ((row,),) = await db.write(_SQL["set contacts"](id=account_id, contacts=to_text(contacts)).expecting(1))
    return account_from(row)


async def end(
    db: Database, account_id: int, status: AccountStatus, why: ProblemDocument, now: datetime, *also: Statement
) -> Account:
    """Afterwards it is *status* for ever, and nothing that it had begun or was allowed is left (RFC 8555 §7.3.6)."""
    rows, *_ = await db.write(
        _SQL["end account"](id=account_id, status=status).expecting(1),
        _SQL["end authorizations of an account"](id=account_id, now=to_epoch(now)),
        _SQL["end orders of an account"](id=account_id, error=problem_to(why)),
        _SQL["end recurrences of an account"](id=account_id),
        *also,
    )
    return account_from(rows[0])


async def change_key(
    db: Database, account: Account, jwk: Mapping[str, str], thumbprint: str, now: datetime, *also: Statement
) -> Account:
    """Afterwards it has the new key; a conflict where another account has that, or this one another by now."""
    _, _, rows, *_ = await db.write(
        _SQL["remember thumbprint"](id=account.id, old=account.thumbprint, now=to_epoch(now)),
        _SQL["forget thumbprints"](id=account.id, limit=_REMEMBERED),
        _SQL["change key"](id=account.id, old=account.thumbprint, jwk=to_text(jwk), thumbprint=thumbprint).expecting(1),
        *also,
    )
    return account_from(rows[0])


async def former_thumbprints(db: Database, account_id: int) -> tuple[str, ...]:
    return tuple(thumbprint for (thumbprint,) in await db.rows(_SQL["former thumbprints"](id=account_id)))
