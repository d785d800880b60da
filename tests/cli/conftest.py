"""A shell with an empty home for each test, and one Pebble for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.peers.pebble import Pebble


@pytest.fixture
def evercert(tmp_path: Path, pebble: Pebble) -> Shell:
    return Shell(tmp_path / "home", pebble)
