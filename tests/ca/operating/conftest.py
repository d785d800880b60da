from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from evercert.ca.operating.office import Office
from evercert.ca.store.schema import MIGRATIONS
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from tests.ca.given import World, a_ca
from tests.ca.protocol.wire import Wire


@pytest.fixture
async def world(tmp_path: Path, new_place: Callable[[Sequence[Migration]], Place]) -> AsyncIterator[World]:
    async with a_ca(tmp_path / "ca", place=new_place(MIGRATIONS)) as world:
        yield world


@pytest.fixture
def wire(world: World) -> Wire:
    return Wire(world.node.site)


@pytest.fixture
def office(world: World) -> Office:
    desk = world.node.desk
    return Office(desk.db, world.clock, Random(3), desk.sealer, desk.profiles, desk.revoking, "tester")
