from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from evercert.ca.admin.application import AdminApplication
from evercert.ca.admin.callers import Callers
from evercert.ca.admin.desk import AdminDesk
from evercert.ca.operating.office import Office
from evercert.ca.operating.tokens import hand_out_token
from evercert.ca.store.schema import MIGRATIONS
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from tests.ca.admin.caller import AdminCaller
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


@pytest.fixture
def application(world: World, office: Office) -> AdminApplication:
    callers = Callers(office.db, world.clock, (), takes_tokens=True)
    return AdminApplication(lambda: AdminDesk(office, world.node.desk.issuers, world.node.status.maker), callers)


@pytest.fixture
async def admin(application: AdminApplication, office: Office) -> AdminCaller:
    """Somebody who may do everything."""
    _, words = await hand_out_token(office, "alice", "operate")
    return AdminCaller(application, words)
