"""How large the CA's store is after very many orders, and once they are over: beside a copy of its content alone."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import apsw

from evercert.ca.retention import Keeping, Retention
from tests.ca.given import World, a_ca
from tests.ca.protocol.test_certificates import issued
from tests.ca.protocol.wire import Wire
from tests.fakes.clock import FakeClock

__all__ = ["measure_retention"]

# One in so many is proved and issued; the others are what clients leave behind.
_ISSUED = 10


def measure_retention(folder: Path, orders: int) -> None:
    """Print the file's size before and after, and its ratio to its content."""
    asyncio.run(_measure(folder / "ca", orders))


async def _measure(folder: Path, orders: int) -> None:
    began = time.monotonic()
    # A clock that stands still while orders come in, or retention would prune them meanwhile.
    async with a_ca(folder, clock=FakeClock(settle=60.0)) as world:
        await _orders(world, orders)
        full, wall = _size(folder), time.monotonic() - began
        world.clock.advance(timedelta(days=120))
        began = time.monotonic()
        pruned = await Keeping(world.node.desk.db, world.clock, Retention(audit=timedelta(days=30))).prune()
        took = time.monotonic() - began
    left, content = _size(folder), _content(folder)
    print(f"\nRetention of the CA's store: {orders:,} orders, {orders // _ISSUED:,} certificates, in {wall:.0f} s")
    print(f"  full {full / 1e6:.1f} MB; pruned {pruned.orders:,} orders in {took:.1f} s; left {left / 1e6:.2f} MB,")
    print(f"  {left / content:.2f} times what its living content needs ({content / 1e6:.2f} MB)", flush=True)


async def _orders(world: World, orders: int) -> None:
    wire = Wire(world.node.site)
    await wire.register()
    for number in range(orders):
        if number % _ISSUED == 0:
            await issued(world, wire, f"n{number}.bench.test")
        else:
            await wire.order(f"n{number}.bench.test")


def _size(folder: Path) -> int:
    connection = apsw.Connection(str(folder / "ca.db"))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return (folder / "ca.db").stat().st_size


def _content(folder: Path) -> int:
    copy = folder / "copy.db"
    connection = apsw.Connection(str(folder / "ca.db"))
    connection.execute("VACUUM INTO ?", (str(copy),))
    connection.close()
    return copy.stat().st_size
