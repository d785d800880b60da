"""Challenge answers that stand, or may stand, where a CA looks: recorded before, removed after.

Trust: whoever can change this decides which TXT record or file a solver takes away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from evercert.db.protocol import Database, Row, Statement
from evercert.model.fact import Presented
from evercert.store.columns import to_text
from evercert.store.sql import load_queries

__all__ = ["add", "from_row", "note", "of_certificate", "remove"]

_SQL: Final = load_queries("presented")


async def add(db: Database, items: Sequence[Presented]) -> list[Presented]:
    """Afterwards the items are durable and may be presented; returned in order, with their numbers.

    Raises `conflict` if their issuance is not (or no longer) open with an order.
    """
    if not items:
        return []
    results = await db.write(*map(_added, items))
    return [msgspec.structs.replace(item, id=rows[0][0]) for item, rows in zip(items, results, strict=True)]


async def note(db: Database, item: Presented) -> None:
    """Afterwards the item's reference is durable. Raises `conflict` if the item was removed."""
    await db.write(_SQL["note presented"](id=item.id, reference=item.reference).expecting(1))


async def remove(db: Database, items: Sequence[Presented]) -> None:
    """Afterwards they are forgotten. Idempotent."""
    if items:
        await db.write(*(_SQL["remove presented"](id=item.id) for item in items))


def of_certificate(certificate: str) -> Statement:
    """The statement whose rows `from_row` reads."""
    return _SQL["presented of a certificate"](certificate=certificate)


def from_row(row: Row) -> Presented:
    (number, issuance_id, identifier_type, identifier, challenge_type, challenge_url, token) = row[1:8]
    solver, options, place, content, reference = row[8:]
    return Presented(
        id=number,
        issuance_id=issuance_id,
        identifier_type=identifier_type,
        identifier=identifier,
        challenge_type=challenge_type,
        challenge_url=challenge_url,
        token=token,
        solver=solver,
        options=msgspec.json.decode(options, type=dict[str, str]),
        place=place,
        content=content,
        reference=reference,
    )


def _added(item: Presented) -> Statement:
    return _SQL["add presented"](
        issuance_id=item.issuance_id,
        identifier_type=item.identifier_type,
        identifier=item.identifier,
        challenge_type=item.challenge_type,
        challenge_url=item.challenge_url,
        token=item.token,
        solver=item.solver,
        options=to_text(item.options),
        place=item.place,
        content=item.content,
        reference=item.reference,
    ).expecting(1)
