from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ca.given import World, a_ca
from tests.ca.protocol.wire import Wire


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_ca(tmp_path / "ca") as world:
        yield world


@pytest.fixture
def wire(world: World) -> Wire:
    return Wire(world.node.site)
