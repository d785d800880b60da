"""How a CA of the world behaves while faults are, and when they are over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from evercert.acme.jose import b64url
from evercert.base.errors import NetworkFailure
from evercert.base.message import Request
from evercert.base.names import Identifier
from evercert.simulation.faults import Fault, FaultKind
from evercert.simulation.loop import VirtualLoop
from evercert.simulation.story import Wanted, told
from evercert.simulation.world import World

QUIET = Wanted(certificates=4, nodes=1, faults=())


@contextmanager
def world_under(folder: Path, *faults: Fault) -> Iterator[World]:
    loop = VirtualLoop()
    world = World(loop, replace(told(5, QUIET), cas=1, suggesting=(True,), listing=(True,), faults=faults), folder)
    try:
        yield world
    finally:
        loop.close()
        world.close()


async def asked(world: World, number: int) -> str:
    """What an unsigned newOrder for that certificate comes to: a problem's type, or what the network says."""
    names: tuple[Identifier, ...] = world.intent(number).identifiers
    payload = b64url(msgspec.json.encode({"identifiers": [{"type": each.type, "value": each.value} for each in names]}))
    body = msgspec.json.encode({"payload": payload})
    try:
        response = await world.answer(Request("POST", f"{world.cas[0].server.base}/new-order", {}, body))
    except NetworkFailure as failure:
        return failure.code.name
    return str(msgspec.json.decode(response.body)["type"].rpartition(":")[2])


def test_what_two_faults_do_at_once_is_over_with_them(tmp_path: Path) -> None:
    both = (Fault(FaultKind.CA_FLAKY, 0, 100, 0, 0.5), Fault(FaultKind.CA_LIMIT, 0, 100, 0, 0.9))
    with world_under(tmp_path, *both) as world:

        async def lived() -> tuple[Counter[str], Counter[str]]:
            during = Counter([await asked(world, 0) for _ in range(200)])
            await asyncio.sleep(100)
            return during, Counter([await asked(world, 0) for _ in range(10)])

        during, after = world.loop.run_until_complete(lived())
        assert set(during) == {"unreachable", "rateLimited"}
        assert after == {"malformed": 10}


def test_a_refusal_is_of_one_certificates_names(tmp_path: Path) -> None:
    for refused in range(4):
        with world_under(tmp_path, Fault(FaultKind.CA_REFUSAL, 0, 100, refused, 0.5)) as world:
            answers = [world.loop.run_until_complete(asked(world, number)) for number in range(4)]
            assert [number for number, each in enumerate(answers) if each == "rejectedIdentifier"] == [refused]
