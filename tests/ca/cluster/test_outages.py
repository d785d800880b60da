"""The store is away for a while: requests are answered soon and say when to come again, and nothing is lost."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evercert.base.serving import Answer
from evercert.ca.operating.auditing import verify
from evercert.ca.store.schema import MIGRATIONS
from tests.ca.given import BASE, World, a_ca
from tests.ca.protocol.wire import Wire, header, kind_of, read
from tests.peers.postgres import Postgres

# What a request may take while the store is away; clients give up after 30.
LONGEST = 28.0


@contextmanager
def a_small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def _comes_again(answer: Answer) -> bool:
    asks = 1 <= int(header(answer, "retry-after") or 0) <= 10
    return answer.status == 503 and kind_of(answer) == "serverInternal" and asks


async def _works_again(world: World, wire: Wire) -> None:
    client = await world.registered()
    assert (await world.obtain(client, "after.example.test")).status == "valid"
    assert read(await wire.post(wire.kid))["status"] == "valid"
    assert (await verify(world.node.desk.db)).records


async def test_while_postgresql_is_away_clients_are_asked_to_come_again(tmp_path: Path) -> None:
    with Postgres() as server:
        async with a_ca(tmp_path / "ca", place=server.fresh(MIGRATIONS)) as world:
            wires = [Wire(world.node.site) for _ in range(30)]
            for wire in wires:
                await wire.register()
            server.stop()
            began = time.monotonic()
            answers = await asyncio.gather(*(wire.order("www.example.test") for wire in wires))
            assert time.monotonic() - began < LONGEST
            assert all(map(_comes_again, answers)), {(each.status, each.body) for each in answers}
            assert (await wires[0].get(f"{BASE}/acme/directory")).status == 200
            server.start()
            for wire in wires:
                wire.forget()  # meanwhile the node's duties may have moved the clock on by a nonce's life
            again = await asyncio.gather(*(wire.order("www.example.test") for wire in wires))
            assert [each.status for each in again] == [201] * len(wires)
            await _works_again(world, wires[0])


async def test_while_the_disk_is_full_clients_are_asked_to_come_again(tmp_path: Path) -> None:
    with a_small_disk(tmp_path / "disk", 4) as disk:
        async with a_ca(tmp_path / "ca", place=disk / "ca.db") as world:
            wire, filler = Wire(world.node.site), disk / "filler"
            await wire.register()
            with pytest.raises(OSError, match="No space"):
                filler.write_bytes(bytes(8 << 20))
            full = [await wire.order(f"{'n' * 60}{number}.example.test") for number in range(300)]
            assert _comes_again(full[-1])
            assert {each.status for each in full} <= {201, 503}
            kept = [header(each, "location") for each in full if each.status == 201]
            filler.unlink()
            for url in kept:
                assert (await wire.post(url)).status == 200
            await _works_again(world, wire)
