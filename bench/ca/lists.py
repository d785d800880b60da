"""Lists of very many revoked certificates: how long one takes, and for how long a request waits meanwhile."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from bench.table import print_rows
from evercert.base.clock import SystemClock, to_epoch
from evercert.base.serving import Asked
from evercert.ca.issuing.issuers import Issuer, Issuers
from evercert.ca.status.places import path_of
from evercert.ca.status.rules import StatusRules
from evercert.ca.status.wiring import StatusParts, status_parts
from evercert.ca.store import crls
from evercert.ca.store.crls import ListKey
from evercert.ca.store.schema import MIGRATIONS
from evercert.db.opening import Place, open_database
from evercert.db.protocol import Database, Query
from evercert.pki.crl import entry
from evercert.pki.hierarchy import make_root
from evercert.pki.keys import KeyType, generate
from evercert.pki.signer import Signer
from tests.peers.postgres import Postgres

__all__ = ["measure_lists"]

_AT_ONCE: Final = 50_000
# 17 octets each, drawn, in an entry that is like all others; revoked a third of a second after the one before.
_NUMBERS: Final = "WITH RECURSIVE n (n) AS (SELECT :begin UNION ALL SELECT n + 1 FROM n WHERE n + 1 < :end)"
_INTO: Final = (
    " INSERT INTO revocations (issuer, partition, serial, revoked_at, reason, not_after, entry)"
    " SELECT 'bench', n % 64 + 1, '1' || drawn, :first + n * 360000, 1, :not_after,"
)
_FILL: Final = Query(
    "fill revocations",
    _NUMBERS
    + _INTO
    + " unhex(:before || drawn || :behind) FROM (SELECT n, lower(hex(randomblob(16))) AS drawn FROM n)",
    _NUMBERS.replace(":begin", "CAST(:begin AS BIGINT)")
    + _INTO.replace("n % 64 + 1", "CAST(n % 64 + 1 AS INTEGER)")
    + " decode(CAST(:before AS TEXT) || drawn || CAST(:behind AS TEXT), 'hex')"
    " FROM (SELECT n, md5(CAST(n AS TEXT)) AS drawn FROM n) AS numbers",
)


# What PostgreSQL does by itself within a minute or two.
_TIDY: Final = Query("tidy up", "ANALYZE revocations", "VACUUM ANALYZE revocations")


def measure_lists(folder: Path, count: int) -> None:
    """One whole list of *count*, 64 parts of it, a delta of a hundredth, on each database."""
    heads = ("", "entries", "wall s", "CPU s", "longest wait ms", "peak MB")
    rows = [("SQLite: " + what, *rest) for what, *rest in asyncio.run(_measured(folder / "bench.db", count))]
    with Postgres() as server:
        place = server.fresh(MIGRATIONS)
        rows += [("PostgreSQL: " + what, *rest) for what, *rest in asyncio.run(_measured(place, count))]
    print_rows("Lists of what is revoked, made and served by a node that has nothing else to do", [heads, *rows])


async def _measured(place: Place, count: int) -> list[tuple[str, ...]]:
    rules = StatusRules(delta_every=timedelta(hours=1), partitions=64)
    async with open_database(place, MIGRATIONS) as db:
        issuers = Issuers([_issuer()])
        await _fill(db, count)
        await db.write(_TIDY())
        parts = status_parts(db, SystemClock(), Random(1), issuers, rules, "http://bench.test")
        (issuer,) = issuers
        rows = [await _made(parts, issuer, "whole", ListKey("bench"), count)]
        rows.append(await _made(parts, issuer, "delta", ListKey("bench", delta=True), count // 100))
        rows.append(await _served(parts, count))
        rows.append(await _looked(parts, count))
        return rows


async def _made(parts: StatusParts, issuer: Issuer, what: str, key: ListKey, count: int) -> tuple[str, ...]:
    await crls.add_scopes(parts.maker.db, issuer.name, range(parts.maker.rules.partitions + 1))
    cost: list[str] = []
    async with _cost(cost):
        made = await parts.maker.make(issuer, key, 0)
    assert made
    assert made.entries or not count
    return what, str(made.entries), *cost


async def _served(parts: StatusParts, count: int) -> tuple[str, ...]:
    cost: list[str] = []
    async with _cost(cost):
        answer = await parts.applications["crl"](Asked("GET", path_of(ListKey("bench"))))
    assert answer.status == 200
    return "first served", str(count), *cost


async def _looked(parts: StatusParts, count: int) -> tuple[str, ...]:
    cost: list[str] = []
    async with _cost(cost):
        await parts.maker.look()
    return "64 parts and their deltas", str(count), *cost


@asynccontextmanager
async def _cost(cost: list[str]) -> AsyncIterator[None]:
    gaps: list[float] = []
    ticking = asyncio.create_task(_tick(gaps))
    await asyncio.sleep(0.05)
    gaps.clear()
    wall, cpu = time.monotonic(), time.process_time()
    yield
    figures = time.monotonic() - wall, time.process_time() - cpu, max(gaps, default=time.monotonic() - wall) * 1000
    ticking.cancel()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cost += [f"{figures[0]:.2f}", f"{figures[1]:.2f}", f"{figures[2]:.1f}", f"{peak:.0f}"]


async def _tick(gaps: list[float]) -> None:
    """How late a task is that wants to go on every millisecond."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.001)
        gaps.append(time.monotonic() - before - 0.001)


async def _fill(db: Database, count: int) -> None:
    """So many, up to now, over 64 parts."""
    now, drawn = datetime.now(UTC), "0" * 32
    before, _, behind = entry(1 << 128, now, 1).hex().partition(drawn)
    first = to_epoch(now) - count * 360_000
    for begin in range(0, count, _AT_ONCE):
        end = min(begin + _AT_ONCE, count)
        not_after = to_epoch(now + timedelta(days=90))
        await db.write(_FILL(begin=begin, end=end, first=first, not_after=not_after, before=before, behind=behind))


def _issuer() -> Issuer:
    key, now = generate(KeyType.EC256), datetime.now(UTC)
    root = make_root(key, (("CN", "Bench"),), serial=1, not_before=now - timedelta(1), not_after=now + timedelta(999))
    return Issuer("bench", Signer(root, key), ((root,),))
