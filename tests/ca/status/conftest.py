from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from evercert.ca.store.schema import MIGRATIONS
from evercert.db.migrate import Migration
from evercert.db.opening import Place, open_database
from evercert.db.protocol import Database


@pytest.fixture
async def db(new_place: Callable[[Sequence[Migration]], Place]) -> AsyncIterator[Database]:
    """On each database in turn."""
    async with open_database(new_place(MIGRATIONS), MIGRATIONS) as opened:
        yield opened


@pytest.fixture
async def one_db(tmp_path: Path) -> AsyncIterator[Database]:
    """For what no SQL decides."""
    async with open_database(tmp_path / "ca.db", MIGRATIONS) as opened:
        yield opened
