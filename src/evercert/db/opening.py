"""The database that a place names: one file on this machine, or PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from evercert.base.secret import Secret
from evercert.db.migrate import Migration
from evercert.db.protocol import Database

__all__ = ["Place", "open_database"]

# A file, or PostgreSQL's URL, which may hold a password.
Place = Path | Secret


@asynccontextmanager
async def open_database(place: Place, migrations: Sequence[Migration]) -> AsyncIterator[Database]:
    """The database there, made or brought up to date if need be; closed afterwards. Raises `store`."""
    db = await _opened(place, migrations)
    try:
        yield db
    finally:
        await db.close()


async def _opened(place: Place, migrations: Sequence[Migration]) -> Database:
    # Imported here, because nobody pays for the database that he does not use.
    if isinstance(place, Path):
        from evercert.db.sqlite import SqliteDatabase

        return await SqliteDatabase.open(place, migrations)
    from evercert.db.postgres import PostgresDatabase

    return await PostgresDatabase.open(place, migrations)
