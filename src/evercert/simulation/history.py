"""One history, from the first second to the last: the nodes live, the faults come and go, the laws are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evercert.model.event import CertificateIssued, IssuanceAbandoned, IssuanceFailed, OrderPlaced
from evercert.simulation.coverage import Lapse
from evercert.simulation.faults import Fault, FaultKind
from evercert.simulation.laws import judge
from evercert.simulation.loop import Standstill, VirtualLoop
from evercert.simulation.node import Node, Spoil
from evercert.simulation.story import Story
from evercert.simulation.world import World
from evercert.store import certificates, events

__all__ = ["History", "live"]

_OF_NODES = frozenset({FaultKind.CRASH, FaultKind.PAUSE, FaultKind.CLOCK})
# Of the first life, in which all that is wanted is declared.
_ARRIVAL = 0.3
_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class History:
    """What came of a story. `broken` is empty where every law held; `digest` is equal for equal histories."""

    story: Story
    broken: tuple[str, ...]
    lapses: tuple[Lapse, ...]
    counts: Mapping[str, int]
    failures: Mapping[str, int]
    lines: tuple[str, ...]
    digest: str


@dataclass
class _Cast:
    """The nodes of a history, and all tasks that play in it."""

    nodes: list[Node]
    playing: list[asyncio.Task[None]] = field(default_factory=list)


def live(story: Story, spoil: Spoil | None = None) -> History:
    """The history of *story*. *spoil* is done to every engine before it begins to work."""
    loop = VirtualLoop()
    with TemporaryDirectory(prefix="evercert-simulation-") as folder:
        world = World(loop, story, Path(folder))
        loop.set_exception_handler(lambda loop, context: _unheard(world, context))
        try:
            return loop.run_until_complete(_lived(world, story, spoil))
        finally:
            loop.close()
            world.close()


def _unheard(world: World, context: Mapping[str, Any]) -> None:
    error = context.get("exception")
    world.broke(f"nobody heard of {type(error).__name__}: {error} ({context.get('message')})")


async def _lived(world: World, story: Story, spoil: Spoil | None) -> History:
    cast = _Cast([Node(world, number, story.look, spoil) for number in range(story.nodes)])
    for node in cast.nodes:
        cast.playing.append(asyncio.create_task(node.run()))
    for number in range(story.certificates):
        cast.playing.append(asyncio.create_task(_declare(world, story, number)))
    for fault in story.faults:
        cast.playing.append(asyncio.create_task(_strike(world, cast, fault)))
    cast.playing.append(asyncio.create_task(_ask_again(world, story)))
    try:
        await asyncio.sleep(story.end)
        lapses = await judge(world, story)
    except Standstill as standstill:
        world.broke(str(standstill))
        lapses = []
    finally:
        for task in cast.playing:
            task.cancel()
        await asyncio.gather(*cast.playing, return_exceptions=True)
        await asyncio.sleep(1)  # for the dying to die
    return await _told(world, story, cast, lapses)


async def _declare(world: World, story: Story, number: int) -> None:
    share = number / story.certificates * _ARRIVAL
    await asyncio.sleep(story.life.total_seconds() * share)
    await certificates.declare(world.db, world.intent(number), world.clock.now())


async def _ask_again(world: World, story: Story) -> None:
    """When the worst is over somebody asks again for what never came: else it is tried once a day."""
    await asyncio.sleep(story.calm_from)
    for number in range(story.certificates):
        fact = await certificates.fact(world.db, world.intent(number).name)
        if fact and fact.current is None:
            await certificates.wake(world.db, fact.intent.name, world.clock.now())


async def _strike(world: World, cast: _Cast, fault: Fault) -> None:
    await asyncio.sleep(fault.since)
    if fault.kind in _OF_NODES:
        await cast.nodes[fault.subject % len(cast.nodes)].suffer(fault)
    elif fault.kind is FaultKind.MASS_REVOCATION:
        world.trace.note(fault.since, "world", str(fault))
        await asyncio.sleep(fault.until - fault.since)
        for ca in world.cas:
            world.trace.note(fault.until, ca.name, f"has revoked {ca.revoke(fault)}")
    else:
        world.trace.note(fault.since, "world", str(fault))


async def _told(world: World, story: Story, cast: _Cast, lapses: list[Lapse]) -> History:
    happened = [each.event for each in await events.latest(world.db, _ALL)]
    failures: dict[str, int] = {}
    for event in happened:
        if isinstance(event, IssuanceFailed):
            failures[event.code] = failures.get(event.code, 0) + 1
    issued = [each for ca in world.cas for each in ca.server.certificates.values()]
    counts = {
        "certificates": sum(isinstance(each, CertificateIssued) for each in happened),
        "certificates at CAs": len(issued),
        "orders": sum(isinstance(each, OrderPlaced) for each in happened),
        "orders given up": sum(isinstance(each, IssuanceAbandoned) for each in happened),
        "revoked by CAs": sum(each.revoked is not None for each in issued),
        "answers 429": sum(ca.limited for ca in world.cas),
        "lapses": len(lapses),
        "faults": len(story.faults),
        "starts of nodes": sum(node.lives for node in cast.nodes),
    }
    return History(
        story, tuple(world.broken), tuple(lapses), counts, failures, tuple(world.trace.lines), world.trace.digest
    )
