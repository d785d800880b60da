"""What a guard refuses is told as refused, and nothing else is."""

from __future__ import annotations

import pytest

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Query
from evercert.store.guarded import goes_through
from tests.store import given

NAMES = Query("names", "SELECT name FROM certificates")
FORGET = Query("forget", "DELETE FROM certificates")
WRONG = Query("wrong", "SELECT name FROM nowhere")


async def test_all_of_it_is_written_or_nothing(db: Database) -> None:
    await given.declared(db, "www")
    assert not await goes_through(db, FORGET(), NAMES().expecting(1))
    assert await db.rows(NAMES()) == [("www",)]
    assert await goes_through(db, FORGET(), NAMES().expecting(0))
    assert await db.rows(NAMES()) == []


async def test_what_is_wrong_otherwise_is_raised(db: Database) -> None:
    with pytest.raises(EvercertError) as caught:
        await goes_through(db, WRONG())
    assert caught.value.code.name == "store"
