"""Opening the store where it is one file on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from evercert.db.protocol import Database
from evercert.db.sqlite import SqliteDatabase
from evercert.store.schema import MIGRATIONS

__all__ = ["open_store"]


@asynccontextmanager
async def open_store(path: Path) -> AsyncIterator[Database]:
    """The store in that file, made or brought up to date if need be; closed afterwards."""
    db = await SqliteDatabase.open(path, MIGRATIONS)
    try:
        yield db
    finally:
        await db.close()
