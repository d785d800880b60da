"""The unit files that are shipped."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from evercert.cli.units import UNITS
from tests.peers.program import ROOT, installed


@pytest.mark.parametrize("name", UNITS)
def test_systemd_accepts_the_unit_that_is_printed_for_this_program(tmp_path: Path, name: str) -> None:
    evercert = ROOT / ".venv/bin/evercert"
    for each in UNITS:
        printed = subprocess.run([evercert, "run", "--print-unit", each], capture_output=True, text=True, check=True)
        assert "/usr/local/bin/evercert" not in printed.stdout
        (tmp_path / each).write_text(printed.stdout)
    analyze = installed("systemd-analyze", "run `make peers`")
    verdict = subprocess.run([analyze, "verify", tmp_path / name], capture_output=True, text=True)
    assert (verdict.returncode, verdict.stderr) == (0, "")
