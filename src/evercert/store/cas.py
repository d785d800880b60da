"""How this installation reaches each CA.

Trust: whoever can change this can send our requests through a proxy of theirs or add a trust root;
secrets are here only as references.
"""

from __future__ import annotations

from typing import Final

import msgspec

from evercert.db.protocol import Database, Statement
from evercert.model.access import CaAccess
from evercert.store.columns import to_text
from evercert.store.sql import load_queries

__all__ = ["access", "configure", "listed"]

_SQL: Final = load_queries("cas")


async def access(db: Database, directory: str) -> CaAccess:
    """How to go there; the plain way if nothing else was configured."""
    rows = await db.rows(_SQL["access to a ca"](directory=directory))
    return _access(rows[0][0]) if rows else CaAccess(directory)


async def configure(db: Database, way: CaAccess, *also: Statement) -> None:
    """Afterwards everything goes to that directory this way; in one transaction with what is done *also*."""
    await db.write(_SQL["set access to a ca"](directory=way.directory, access=to_text(way)).expecting(1), *also)


async def listed(db: Database) -> list[CaAccess]:
    """Each CA for which something was configured."""
    return [_access(text) for (text,) in await db.rows(_SQL["known cas"]())]


def _access(text: str) -> CaAccess:
    return msgspec.json.decode(text, type=CaAccess)
