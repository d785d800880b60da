"""The audit's chain, which many lengthen at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256

from evercert.ca.store import audit
from evercert.ca.store.schema import MIGRATIONS, queries
from evercert.db.migrate import Migration
from evercert.db.opening import Place, open_database

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_records_written_at_once_make_one_chain(new_place: Callable[[Sequence[Migration]], Place]) -> None:
    place = new_place(MIGRATIONS)
    async with open_database(place, MIGRATIONS) as one, open_database(place, MIGRATIONS) as another:
        writes = [db.write(audit.appended("issued", {"n": n}, NOW)) for n in range(100) for db in (one, another)]
        await asyncio.gather(*writes)
        records = await one.rows(queries("audit")["records after"](id=0, limit=1000))
        number, digest = 0, ""
        for found, at, kind, body, claimed in records:
            number, digest = number + 1, sha256(f"{digest} {at} {kind} {body}".encode()).hexdigest()
            assert (found, claimed) == (number, digest)
        assert await audit.head(another) == (200, digest)
