"""A home that declares, and its engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evercert.engine.wiring import Engine
from tests.engine.declaring.declaring import Declaring


@pytest.fixture
def world(tmp_path: Path) -> Declaring:
    return Declaring(tmp_path)


@pytest.fixture
async def engine(world: Declaring) -> AsyncIterator[Engine]:
    async with world.engine() as opened:
        yield opened
