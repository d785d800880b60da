"""Tokens for the admin API: handed out once, known again by a digest, taken back."""

from __future__ import annotations

import hmac
import re
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Final

from evercert.acme.jose import b64url
from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.ca.operating.office import Office
from evercert.ca.store import audit, tokens
from evercert.ca.store.tokens import Role, Token
from evercert.db.protocol import Database

__all__ = ["hand_out_token", "take_token_back", "token_of"]

# A word that scanners for secrets find again, an id, 256 bits that nobody else knows.
_SHAPE: Final = re.compile(r"evercert_ca_([A-Za-z0-9_-]{12})\.([A-Za-z0-9_-]{43})")
_NAME: Final = re.compile(r"[\w .@-]{1,60}")


async def hand_out_token(
    office: Office, name: str, role: Role, expires_at: datetime | None = None
) -> tuple[Token, Secret]:
    """A new token and its words, which nobody can read again. Raises `bad-input`."""
    if not _NAME.fullmatch(name):
        raise EvercertError("bad-input", "a token's name has letters, digits, spaces and .@-", hint="say whose it is")
    secret, now = b64url(office.rng.randbytes(32)), office.clock.now()
    token = Token(b64url(office.rng.randbytes(9)), name, role, now, expires_at, digest=_digest(secret))
    body = {"token": token.id, "name": name, "role": role, "by": office.who}
    await office.db.write(tokens.added(token), audit.appended("admin token handed out", body, now))
    return replace(token, digest=""), Secret(f"evercert_ca_{token.id}.{secret}")


async def take_token_back(office: Office, token_id: str) -> None:
    """Afterwards nobody comes in with it. Raises `not-found`."""
    now = office.clock.now()
    record = audit.appended("admin token taken back", {"token": token_id, "by": office.who}, now)
    try:
        await office.db.write(tokens.revoked(token_id, now), record)
    except EvercertError as error:
        if error.code.name != "conflict":
            raise
        raise EvercertError(
            "not-found", f"there is no token {token_id[:40]!r} in use", hint="evercert ca admin token list"
        ) from error


async def token_of(db: Database, presented: Secret, now: datetime) -> Token | None:
    """The one that these words are, if it is good. What is compared are digests, in constant time."""
    shape = _SHAPE.fullmatch(presented.reveal().decode("ascii", "replace"))
    if shape is None:
        return None
    found = await tokens.find(db, shape[1])
    matches = hmac.compare_digest(_digest(shape[2]), found.digest if found else "")
    return replace(found, digest="") if found and matches and found.is_good(now) else None


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
