"""The demonstration of a CA of several nodes, as an operator runs it before he trusts it; and what it tells who has no
PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.peers.program import ROOT

EVERCERT = ROOT / ".venv/bin/evercert"


def test_nodes_and_the_database_are_killed_under_load_and_nothing_is_lost_or_done_twice() -> None:
    shown = subprocess.run(
        [EVERCERT, "ca", "demo", "--json", "--certificates", "100"], capture_output=True, text=True, timeout=170
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    ending = json.loads(shown.stdout)
    assert ending["proof"]["certificates"] == 100
    assert [ending["proof"][each] for each in ("lost", "unended", "twice", "unrecorded")] == [0, 0, 0, 0]
    assert ending["nonces"] == [200, 400]
    assert ending["revoked"] == 10
    assert (ending["lists"]["backwards"], ending["lists"]["complete"]) == (0, True)
    assert ending["lists"]["last"] > ending["lists"]["first"]
    for event in ("killing node 1", "stopping PostgreSQL", "killing node 2"):
        assert event in shown.stderr


def test_a_program_of_postgresql_that_is_missing_is_named(tmp_path: Path) -> None:
    argv: list[str | Path] = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount -t tmpfs none /usr/lib/postgresql && exec "$0" ca demo',
        EVERCERT,
    ]
    shown = subprocess.run(
        argv, env={**os.environ, "PATH": "/usr/bin:/bin:/usr/sbin"}, capture_output=True, text=True, timeout=60
    )
    assert shown.returncode != 0
    assert "PostgreSQL's program initdb is not installed" in shown.stderr
    assert "make peers" in shown.stderr
