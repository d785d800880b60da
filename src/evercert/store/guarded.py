"""Writing what a guard may refuse: of several who see the same, one does it."""

from __future__ import annotations

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Statement

__all__ = ["goes_through"]


async def goes_through(db: Database, *statements: Statement) -> bool:
    """Whether it was written, all of it; False, and nothing was, where a guard or a constraint says no."""
    try:
        await db.write(*statements)
    except EvercertError as error:
        if error.code.name != "conflict":
            raise
        return False
    return True
