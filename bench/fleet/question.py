"""A million certificates on each database: starting, claiming, holding."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

from bench.fleet.filling import fill
from bench.measure import Command, cost_of
from bench.table import print_rows, print_table
from evercert.base.clock import to_epoch
from evercert.db.opening import Place
from evercert.db.protocol import Query
from evercert.store import leases
from evercert.store.opening import open_store
from tests.peers.pebble import Pebble
from tests.peers.postgres import Postgres
from tests.peers.program import ROOT, Program

__all__ = ["measure_fleet"]

_EVERCERT = str(ROOT / ".venv/bin/evercert")
_MODEL = "model.bench.test"
_CLAIMS = 100
_CLAIMED = 100


@dataclass(frozen=True)
class _Store:
    """One database: its name to people, its place, and how to name it to `evercert`."""

    name: str
    place: Place
    home: Path
    env: dict[str, str]


def measure_fleet(folder: Path, pebble: Pebble, certificates: int, seconds: float) -> None:
    """Fill each database, and ask it the same."""
    for store in _stores(folder, pebble):
        arguments = ["obtain", _MODEL, "--ca", pebble.directory, "--ca-roots", str(pebble.authority)]
        obtain = Command([_EVERCERT, *arguments, "--http-port", str(pebble.http_port)], store.env)
        cost_of(obtain, folder / "fleet.log", 120)
        began = time.monotonic()
        asyncio.run(_fill(store.place, certificates))
        filled = time.monotonic() - began
        look = cost_of(Command([_EVERCERT, "run", "--once"], store.env), folder / "fleet.log", seconds)
        print_table(f"{store.name}: {certificates:,} certificates, nothing is due", {"evercert run --once": look})
        _print_rest(store, certificates, filled, folder)


def _print_rest(store: _Store, certificates: int, filled: float, folder: Path) -> None:
    size = asyncio.run(_size(store.place))
    spans = asyncio.run(_claims(store.place))
    held = _held(store, folder)
    rows = [
        ("", "figure", "aim"),
        ("size of the database, GB", f"{size / 1e9:.2f}", "3"),
        (f"claiming {_CLAIMED} due ones, ms (p50)", f"{median(spans) * 1000:.1f}", "5"),
        (f"claiming {_CLAIMED} due ones, ms (p99)", f"{quantiles(spans, n=100)[98] * 1000:.1f}", ""),
        ("memory of `evercert run`, MB", f"{held / 1e6:.0f}", "400"),
        ("(filling it took, s)", f"{filled:.0f}", ""),
    ]
    print_rows(f"{store.name}: {certificates:,} certificates", rows)


def _stores(folder: Path, pebble: Pebble) -> Iterator[_Store]:
    dns = {"EVERCERT_RESOLVERS": pebble.dns_address}
    home = folder / "fleet-sqlite"
    yield _Store("SQLite", home / "evercert.db", home, {**os.environ, **dns, "EVERCERT_HOME": str(home)})
    with Postgres(durable=True) as server:
        url, home = server.fresh(), folder / "fleet-postgres"
        env = {**os.environ, **dns, "EVERCERT_HOME": str(home), "EVERCERT_DATABASE": url.text()}
        yield _Store("PostgreSQL", url, home, env)


async def _fill(place: Place, certificates: int) -> None:
    async with open_store(place) as db:
        await fill(db, certificates, to_epoch(datetime.now(UTC) + timedelta(days=30)))


async def _size(place: Place) -> int:
    if isinstance(place, Path):
        return sum(file.stat().st_size for file in place.parent.glob(f"{place.name}*"))
    async with open_store(place) as db:
        [[(size,)]] = await db.read(Query("size", "SELECT pg_database_size(current_database())")())
        return int(size)


async def _claims(place: Place) -> list[float]:
    """How long each of many claims took, with a hundred times as many due as are claimed at once."""
    now = datetime.now(UTC)
    async with open_store(place) as db:
        wanted = Query(
            "due",
            "UPDATE certificates SET next_action_at = :now WHERE name IN "
            "(SELECT name FROM certificates ORDER BY name LIMIT :count)",
        )
        await db.write(wanted(now=to_epoch(now), count=2 * _CLAIMS * _CLAIMED))
        spans = []
        for _ in range(_CLAIMS):
            began = time.perf_counter()
            claimed = await leases.claim_due(db, "bench", now, now + timedelta(minutes=1), _CLAIMED)
            spans.append(time.perf_counter() - began)
            assert len(claimed) == _CLAIMED
        later = Query("later", "UPDATE certificates SET next_action_at = :then WHERE next_action_at < :soon")
        await db.write(later(then=to_epoch(now + timedelta(days=30)), soon=to_epoch(now + timedelta(days=1))))
        return spans


def _held(store: _Store, folder: Path) -> int:
    """The memory of a daemon that has had a minute to look around."""
    with Program([_EVERCERT, "run"], folder / "held.log", env=store.env) as running:
        running.wait_until(lambda: "watching over" in running.text(), "watching", 60)
        time.sleep(30)
        return running.cost()[1]
