"""Which certificates an incident means, each criterion by itself and all together."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from evercert.engine.incident.opening import open_incident
from evercert.engine.incident.selecting import choose
from evercert.engine.wiring import Engine
from evercert.model.incident import Measures, Selection
from evercert.model.terms import Terms
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, generate
from evercert.store import incidents
from tests.engine.world import World

DAY = timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def names(world: World, engine: Engine, **said: Any) -> list[str]:
    found = choose(engine.db, Selection(**said), world.clock.now(), superseded=False)
    return [each.intent.name async for each in found]


async def test_each_criterion_narrows(world: World) -> None:
    world.ca.profiles["short"] = world.ca.meta.profiles["short"] = "six days"
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("a.test", terms=Terms(owner="web", tags=("edge", "old"))))
        await world.obtain(engine, world.intent("b.test", "x.b.test", key_type=KeyType.RSA2048))
        world.clock.advance(DAY)
        later = world.clock.now()
        await world.obtain(engine, world.intent("c.test", profile="short"))
        serial = (await world.fact(engine, "b.test")).current
        assert serial is not None
        everything = ["a.test", "b.test", "c.test"]
        assert await names(world, engine, ca=world.ca.directory_url) == everything
        assert await names(world, engine, ca="https://other.test") == []
        assert await names(world, engine, issuer=f"{serial.issuer[:4]}*") == everything
        assert await names(world, engine, issuer="Other*") == []
        assert await names(world, engine, owner="web") == ["a.test"]
        assert await names(world, engine, tag="old") == ["a.test"]
        assert await names(world, engine, name="x.*") == ["b.test"]
        assert await names(world, engine, name="*.test") == everything
        assert await names(world, engine, key_type=KeyType.RSA2048) == ["b.test"]
        assert await names(world, engine, profile="short") == ["c.test"]
        assert await names(world, engine, issued_from=later) == ["c.test"]
        assert await names(world, engine, issued_until=later) == ["a.test", "b.test"]
        assert await names(world, engine, serial_from=serial.serial, serial_to=serial.serial) == ["b.test"]
        assert await names(world, engine, serials_file="f", serials=frozenset({serial.serial})) == ["b.test"]
        assert await names(world, engine, serials_file="f", serials=frozenset({"1"})) == []
        assert await names(world, engine, name="*.test", owner="web", key_type=KeyType.RSA2048) == []


async def test_a_key_is_found_whether_it_is_here_or_not_and_only_its_owner_can_make_another(world: World) -> None:
    key = generate(KeyType.EC256)
    intent = world.intent("outside.test")
    outside = world.intent("outside.test", csr=build_csr(key, intent.identifiers, False))
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("inside.test"))
        await world.obtain(engine, outside)
        digest = sha256(key.spki).hexdigest()
        assert await names(world, engine, key=digest) == ["outside.test"]
        number = await open_incident(engine.db, Selection(key=digest), Measures(revoke=1), "", world.clock.now())
        [wave] = await incidents.waves(engine.db, number)
        assert wave.failed == 1
        [trouble] = await incidents.troubles(engine.db, number, 9)
        assert trouble.what.startswith("its request came from outside")
