"""Private keys, sealed before they come here.

Trust: whoever has the database alone has no key. The seal is bound to the key's purpose and public
half, so that a row that was moved or exchanged does not open.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal

from evercert.base.clock import to_epoch
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Statement
from evercert.store.sql import load_queries

if TYPE_CHECKING:  # what only reads the store (a list, a plan) does not pay for cryptography
    from evercert.pki.keys import PrivateKey
    from evercert.pki.seal import Sealer

__all__ = ["Purpose", "add", "are_there", "deleted_if_unused", "load"]

_SQL: Final = load_queries("keys")

Purpose = Literal["account", "certificate"]


async def add(db: Database, sealer: Sealer, key: PrivateKey, purpose: Purpose, now: datetime) -> int:
    """Afterwards the key is durable; its number. The same key again gets the same number."""
    fingerprint = sha256(key.spki).hexdigest()
    sealed = sealer.seal(key.to_der().reveal(), _context(purpose, fingerprint))
    statement = _SQL["add key"](
        purpose=purpose, fingerprint=fingerprint, sealed=sealed, created_at=to_epoch(now)
    ).expecting(1)
    ((row,),) = await db.write(statement)
    number: int = row[0]
    return number


async def load(db: Database, sealer: Sealer, key_id: int) -> PrivateKey:
    """The key of that number. Raises `sealed` if this master key does not open it, `not-found` if it is gone."""
    rows = await db.rows(_SQL["sealed key"](id=key_id))
    if not rows:
        raise EvercertError("not-found", f"key {key_id} is not in the store")
    purpose, fingerprint, sealed = rows[0]
    from evercert.pki.keys import load_der

    # What opens is what we sealed, so the costly check of a stranger's RSA key is not needed.
    key = load_der(sealer.open(sealed, _context(purpose, fingerprint)).reveal(), trusted=True)
    if sha256(key.spki).hexdigest() != fingerprint:
        raise EvercertError("sealed", f"key {key_id} is not the key that its row names")
    return key


async def are_there(db: Database) -> bool:
    """Whether any key is kept, so that the master key cannot be a new one."""
    return bool(await db.rows(_SQL["any key"]()))


def deleted_if_unused(key_id: int) -> Statement:
    """The statement after which the key is gone, unless something refers to it."""
    return _SQL["delete unused key"](id=key_id)


def _context(purpose: str, fingerprint: str) -> str:
    return f"key:{purpose}:{fingerprint}"
