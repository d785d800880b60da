"""What is declared in files: a digest for each certificate, and what was applied last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from evercert.base.clock import to_epoch
from evercert.db.protocol import Database, Statement
from evercert.model.event import IntentChanged
from evercert.model.intent import CertificateIntent
from evercert.model.terms import MERGED, OnRemoval
from evercert.store import certificates, events
from evercert.store.columns import to_text
from evercert.store.sql import load_queries

__all__ = [
    "Applied",
    "all_names",
    "applied",
    "count",
    "create",
    "digests",
    "incomplete",
    "intents",
    "merged",
    "note",
    "release",
]

_SQL: Final = load_queries("declared")

# No name that begins like a merged one's comes after this.
_AFTER_MERGED: Final = MERGED[:-1] + chr(ord(MERGED[-1]) + 1)

# So many certificates are written in one transaction, or asked for at once.
_PORTION = 500


class Applied(msgspec.Struct, frozen=True):
    """A declaration as it was applied: the digest of its files, the further files that those name, and how many
    certificates it declares."""

    digest: str
    files: tuple[str, ...]
    certificates: int


async def digests(db: Database) -> dict[str, str]:
    """The digest of each certificate that is declared."""
    [rows] = await db.scan(_SQL["declared digests"]())
    return dict(rows)


async def count(db: Database) -> int:
    """How many of them there are."""
    [[(number,)]] = await db.scan(_SQL["declared count"]())
    return int(number)


async def all_names(db: Database) -> frozenset[str]:
    """The names of all certificates, declared or not."""
    [rows] = await db.scan(_SQL["certificate names"]())
    return frozenset(name for (name,) in rows)


async def incomplete(db: Database) -> dict[str, frozenset[str]]:
    """Of each whose certificate is missing, or may lack some of the names that are wanted: those that it has."""
    [rows] = await db.scan(_SQL["incomplete certificates"]())
    return {name: frozenset((names or "").split()) for name, names in rows}


async def intents(db: Database, names: Sequence[str]) -> dict[str, CertificateIntent]:
    """What is wanted of those of the *names* that there are."""
    found: dict[str, CertificateIntent] = {}
    for start in range(0, len(names), _PORTION):
        answers = await db.scan(*map(certificates.wanted, names[start : start + _PORTION]))
        intents = (msgspec.json.decode(row[0], type=CertificateIntent) for rows in answers for row in rows)
        found.update((intent.name, intent) for intent in intents)
    return found


async def merged(db: Database) -> dict[str, CertificateIntent]:
    """What is wanted of each merged certificate."""
    [rows] = await db.scan(_SQL["merged certificates"](first=MERGED, end=_AFTER_MERGED))
    found = (msgspec.json.decode(text, type=CertificateIntent) for (text,) in rows)
    return {intent.name: intent for intent in found if intent.terms.members}


async def create(db: Database, wanted: Sequence[tuple[CertificateIntent, str]], now: datetime) -> None:
    """Afterwards all of them are wanted, each with its digest, in transactions of some hundreds.

    Raises `conflict` where somebody else wants one of those names meanwhile; what went before stays.
    """
    for start in range(0, len(wanted), _PORTION):
        statements: list[Statement] = []
        for intent, digest in wanted[start : start + _PORTION]:
            statements += certificates.created(intent, now, digest)
        await db.write(*statements)


async def release(db: Database, name: str, how: OnRemoval, digest: str, now: datetime) -> None:
    """Afterwards the certificate is not declared any more, as which it had that *digest*: it stays as if by hand, or
    is due to go. Idempotent."""
    if how is OnRemoval.KEEP:
        statement = _SQL["keep undeclared"](name=name)
        event = IntentChanged(certificate=name, change="declared no longer, and kept")
    else:
        statement = _SQL["let go"](name=name, how=how.value, digest=digest, now=to_epoch(now))
        event = IntentChanged(certificate=name, change=f"declared no longer, to be let go ({how.value})")
    await db.write(statement, events.appended(event, now))


async def applied(db: Database) -> Applied | None:
    """What was applied last; None if nothing was."""
    rows = await db.rows(_SQL["what was applied"]())
    if not rows:
        return None
    digest, files, certificates = rows[0]
    return Applied(digest, msgspec.json.decode(files, type=tuple[str, ...]), certificates)


async def note(db: Database, what: Applied, now: datetime) -> None:
    """Afterwards that was applied last."""
    statement = _SQL["note what was applied"](
        digest=what.digest, files=to_text(what.files), certificates=what.certificates, now=to_epoch(now)
    )
    await db.write(statement.expecting(1))
