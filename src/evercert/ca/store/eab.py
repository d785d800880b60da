"""Keys of external accounts (RFC 8555 §7.3.4): sealed, used once or often, until they expire or are revoked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from evercert.base.clock import to_epoch
from evercert.base.secret import Secret
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database, Row, Statement
from evercert.pki.seal import Sealer
from evercert.store.columns import moment, moment_or_none, number_or_none, to_text

__all__ = ["ExternalKey", "added", "find", "newest", "opened", "revoked", "used"]

_SQL: Final = queries("eab")
_texts: Final = msgspec.json.Decoder(tuple[str, ...]).decode


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """What an external account may do. `names` is a name policy as JSON, "" for none; `authorizes`: names that the
    policy allows need no challenge."""

    kid: str
    algorithms: tuple[str, ...]
    label: str
    reusable: bool
    authorizes: bool
    names: str
    profiles: tuple[str, ...]
    created_at: datetime
    uses: int = 0
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    sealed: bytes = field(default=b"", repr=False)

    def is_good(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


async def find(db: Database, kid: str) -> ExternalKey | None:
    rows = await db.rows(_SQL["external key"](kid=kid))
    return _from_row(rows[0]) if rows else None


async def newest(db: Database, limit: int = 1000) -> list[ExternalKey]:
    return [_from_row(row) for row in await db.rows(_SQL["external keys"](limit=limit))]


def added(key: ExternalKey, mac_key: Secret, sealer: Sealer) -> Statement:
    """The statement that keeps it, sealed; a conflict where the id is taken."""
    return _SQL["add external key"](
        kid=key.kid,
        sealed=sealer.seal(mac_key.reveal(), _context(key.kid)),
        algorithms=to_text(key.algorithms),
        label=key.label,
        reusable=int(key.reusable),
        authorizes=int(key.authorizes),
        names=key.names,
        profiles=to_text(key.profiles),
        created_at=to_epoch(key.created_at),
        expires_at=number_or_none(key.expires_at),
    )


def opened(key: ExternalKey, sealer: Sealer) -> Secret:
    """Its MAC key."""
    return sealer.open(key.sealed, _context(key.kid))


def used(kid: str, now: datetime) -> Statement:
    """The statement that uses it once; a conflict where it may not be used (any more)."""
    return _SQL["use external key"](kid=kid, now=to_epoch(now)).expecting(1)


def revoked(kid: str, now: datetime) -> Statement:
    """The statement that ends it; a conflict where it has ended or never was."""
    return _SQL["revoke external key"](kid=kid, now=to_epoch(now)).expecting(1)


def _context(kid: str) -> str:
    return f"eab key {kid}"


def _from_row(row: Row) -> ExternalKey:
    kid, sealed, algorithms, label, reusable, authorizes, names, profiles, uses, created, expires, revoked_at = row
    return ExternalKey(
        kid=kid,
        sealed=sealed,
        algorithms=_texts(algorithms),
        label=label,
        reusable=bool(reusable),
        authorizes=bool(authorizes),
        names=names,
        profiles=_texts(profiles),
        uses=uses,
        created_at=moment(created),
        expires_at=moment_or_none(expires),
        revoked_at=moment_or_none(revoked_at),
    )
