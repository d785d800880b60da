"""A small fleet through kills, stops, restarts and refusals; `make fleet` runs a large one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.chaos import run_through
from tests.fleet.estate import Scale, estate
from tests.fleet.laws import check
from tests.peers.postgres import Postgres

SMALL = Scale(certificates=60, life=120, lease=4, patience=400)


@pytest.mark.timeout(500)
@pytest.mark.parametrize("seed", [1])
def test_a_fleet_on_postgresql_never_lapses_and_issues_nothing_twice(tmp_path: Path, seed: int) -> None:
    tmp_path.chmod(0o755)
    with Postgres() as server, estate(tmp_path, SMALL, server) as fleet:
        run_through(fleet, server, seed, print)
        check(fleet)


@pytest.mark.timeout(500)
@pytest.mark.parametrize("seed", [2])
def test_a_fleet_on_one_file_never_lapses_and_issues_nothing_twice(tmp_path: Path, seed: int) -> None:
    tmp_path.chmod(0o755)
    with estate(tmp_path, SMALL) as fleet:
        run_through(fleet, None, seed, print)
        check(fleet)
