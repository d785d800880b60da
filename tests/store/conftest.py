"""The store on each database that it can stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from evercert.db.migrate import Migration
from evercert.db.opening import Place
from evercert.db.protocol import Database
from evercert.store.opening import open_store
from evercert.store.schema import MIGRATIONS


@pytest.fixture
async def db(new_place: Callable[[Sequence[Migration]], Place]) -> AsyncIterator[Database]:
    async with open_store(new_place(MIGRATIONS)) as opened:
        yield opened
