"""Tokens for the admin API, of which a digest is kept.

Trust: whoever can write this table can let himself in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from evercert.base.clock import to_epoch
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database, Row, Statement
from evercert.store.columns import moment, moment_or_none, number_or_none

__all__ = ["Role", "Token", "added", "find", "newest", "revoked"]

_SQL: Final = queries("tokens")

# Whether its bearer may only look.
Role = Literal["read", "operate"]


@dataclass(frozen=True, slots=True)
class Token:
    """All of it but its secret. `name` is whose it is."""

    id: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    digest: str = field(default="", repr=False)

    def is_good(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


async def find(db: Database, token_id: str) -> Token | None:
    rows = await db.rows(_SQL["token"](id=token_id))
    return _from_row(rows[0]) if rows else None


async def newest(db: Database, limit: int = 1000) -> list[Token]:
    return [_from_row(row) for row in await db.rows(_SQL["tokens"](limit=limit))]


def added(token: Token) -> Statement:
    """The statement that keeps it; a conflict where the id is taken."""
    return _SQL["add token"](
        id=token.id,
        digest=token.digest,
        name=token.name,
        role=token.role,
        created_at=to_epoch(token.created_at),
        expires_at=number_or_none(token.expires_at),
    )


def revoked(token_id: str, now: datetime) -> Statement:
    """The statement that ends it; a conflict where it has ended or never was."""
    return _SQL["revoke token"](id=token_id, now=to_epoch(now)).expecting(1)


def _from_row(row: Row) -> Token:
    token_id, digest, name, role, created, expires, revoked_at = row
    return Token(token_id, name, role, moment(created), moment_or_none(expires), moment_or_none(revoked_at), digest)
