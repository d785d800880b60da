"""The store on each database that it can stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evercert.db.protocol import Database
from evercert.db.sqlite import SqliteDatabase
from evercert.store.schema import MIGRATIONS


@pytest.fixture(params=["sqlite"])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    assert request.param == "sqlite"
    opened = await SqliteDatabase.open(tmp_path / "evercert.db", MIGRATIONS)
    yield opened
    await opened.close()
