"""What one worker does against our own CA on this machine: certificates from declaration to files, and polls."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.ca.meter import spent
from bench.fleet.estate import EVERCERT, Estate, estates, world
from bench.measure import BenchFailure, Command, Cost, cost_of
from bench.table import print_rows
from evercert.base.clock import to_epoch
from evercert.db.protocol import Query
from evercert.store.opening import open_store

__all__ = ["measure_issuing", "measure_polling"]

_POLLS = 5
# Of 1,000,000 certificates each is asked about every six hours.
_NEEDED = 1_000_000 / (6 * 3600)


@dataclass(frozen=True)
class _Worked:
    """What it took until all were there: seconds, the worker's and the CA's seconds of processor, the worker's MB."""

    wall: float
    cpu: float
    ca: float
    memory: float


def measure_issuing(folder: Path, certificates: int, seconds: float) -> None:
    """From nothing to installed files, by one worker that has its usual width."""
    rows = [("", "per s", "aim", "per CPU s of the worker", "CPU ms each", "x", "CA's CPU ms each", "MB")]
    first = 0.0
    with world(folder) as around:
        for estate in estates(around, certificates):
            done = _issued(estate, around.ca.program.pid, seconds)
            first = first or done.cpu
            rate = certificates / done.cpu
            cells = (
                f"{certificates / done.wall:.0f}",
                "50",
                f"{rate:.0f}",
                f"{1000 / rate:.1f}",
                f"{done.cpu / first:.2f}",
            )
            rows.append((estate.name, *cells, f"{done.ca * 1000 / certificates:.1f}", f"{done.memory:.0f}"))
    title = f"{certificates:,} certificates issued by our CA and installed, one worker"
    print_rows(f"{title} (load {os.getloadavg()[0]:.1f} at the end)", rows)


def measure_polling(folder: Path, certificates: int, seconds: float) -> None:
    """All of them asked about again and again, each answer what it was."""
    rows = [("", "per s", "aim", "per CPU s of the worker", "CPU ms each")]
    with world(folder) as around:
        for estate in estates(around, certificates):
            _issued(estate, around.ca.program.pid, seconds)
            idle = _look(estate)
            looks = [_polled(estate) for _ in range(_POLLS)]
            wall = median(look.wall for look in looks) - idle.wall
            cpu = median(look.cpu for look in looks) - idle.cpu
            cells = f"{certificates / wall:.0f}", f"{_NEEDED:.0f}", f"{certificates / cpu:.0f}"
            rows.append((estate.name, *cells, f"{cpu * 1000 / certificates:.2f}"))
    title = f"{certificates:,} certificates polled for renewal information, one worker"
    print_rows(f"{title} (load {os.getloadavg()[0]:.1f} at the end)", rows)


def _issued(estate: Estate, ca: int, seconds: float) -> _Worked:
    with estate.work() as worker:
        worker.wait_until(lambda: "watching over" in worker.text(), "watching", 60)
        begun, cpu, theirs = time.monotonic(), worker.cost()[0], spent([ca]).cpu
        worker.wait_until(lambda: estate.installed() >= estate.count, "done with all of them", seconds)
        wall = time.monotonic() - begun
        cost, memory = worker.cost()
        return _Worked(wall, cost - cpu, spent([ca]).cpu - theirs, memory / 1e6)


def _look(estate: Estate) -> Cost:
    return cost_of(Command([EVERCERT, "run", "--once"], estate.env), estate.home / "look.log", 300)


def _polled(estate: Estate) -> Cost:
    asyncio.run(_have_polled(estate))
    cost = _look(estate)
    if left := asyncio.run(_unpolled(estate)):
        raise BenchFailure(f"{left} certificates were not polled\n{(estate.home / 'look.log').read_text()[-1500:]}")
    return cost


async def _have_polled(estate: Estate) -> None:
    due = Query("have polled", "UPDATE certificates SET ari_poll_at = :now, next_action_at = :now")
    async with open_store(estate.place) as db:
        await db.write(due(now=to_epoch(datetime.now(UTC))))


async def _unpolled(estate: Estate) -> int:
    left = Query("unpolled", "SELECT count(*) FROM certificates WHERE ari_poll_at <= :now OR ari_poll_at IS NULL")
    async with open_store(estate.place) as db:
        [(count,)] = await db.rows(left(now=to_epoch(datetime.now(UTC))))
        return int(count)
