"""Wishes that are made at the same time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from evercert.engine.wishes import wish
from evercert.store import certificates
from tests.engine.world import World


async def test_who_wishes_the_same_at_the_same_time_is_not_refused(tmp_path: Path) -> None:
    world = World(tmp_path)
    intent = world.intent("www.a.test")
    async with world.engine() as engine:
        await asyncio.gather(*(wish(engine.db, [intent], world.clock.now()) for _ in range(3)))
        fact = await certificates.fact(engine.db, "www.a.test")
    assert fact is not None
    assert fact.intent == intent
