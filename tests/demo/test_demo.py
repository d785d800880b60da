"""The demonstration, as a newcomer runs it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.peers.program import ROOT


def test_the_demonstration_shows_the_whole_job_on_a_ca_of_its_own(tmp_path: Path) -> None:
    shown = subprocess.run(
        [ROOT / ".venv/bin/evercert", "demo", "--json", "--home", tmp_path], capture_output=True, text=True, timeout=100
    )
    assert shown.returncode == 0, shown.stderr
    ending = json.loads(shown.stdout)
    assert len(set(ending["serials"])) == 3
    assert ending["visits"] > 20
    assert ending["failed_visits"] == 0
    assert "by handshake" in shown.stderr
