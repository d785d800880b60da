"""How a CA of the world behaves while faults are, and when they are over."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

from evercert.base.errors import NetworkFailure
from evercert.base.message import Request
from evercert.simulation.faults import Fault, FaultKind
from evercert.simulation.loop import VirtualLoop
from evercert.simulation.story import Wanted, told
from evercert.simulation.world import World

QUIET = Wanted(certificates=2, nodes=1, faults=())


async def asked(world: World, times: int) -> Counter[str]:
    """What so many newOrders come to, each of which is malformed: a status, or what a network says."""
    found: Counter[str] = Counter()
    for _ in range(times):
        try:
            found[
                str((await world.answer(Request("POST", f"{world.cas[0].server.base}/new-order", {}, b""))).status)
            ] += 1
        except NetworkFailure as failure:
            found[failure.code.name] += 1
    return found


def test_what_two_faults_do_at_once_is_over_with_them(tmp_path: Path) -> None:
    both = (Fault(FaultKind.CA_FLAKY, 0, 100, 0, 0.5), Fault(FaultKind.CA_LIMIT, 0, 100, 0, 0.9))
    loop = VirtualLoop()
    world = World(loop, replace(told(5, QUIET), cas=1, suggesting=(True,), listing=(True,), faults=both), tmp_path)

    async def lived() -> tuple[Counter[str], Counter[str]]:
        during = await asked(world, 200)
        await asyncio.sleep(100)
        return during, await asked(world, 10)

    during, after = loop.run_until_complete(lived())
    loop.close()
    world.close()
    assert set(during) == {"unreachable", "429"}
    assert after == {"400": 10}
