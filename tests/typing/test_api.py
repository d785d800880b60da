"""The public types are what users of a strict type checker need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.program import ROOT


@pytest.mark.timeout(300)  # the first run of mypy reads all of Evercert
def test_the_library_and_the_examples_pass_a_strict_type_checker() -> None:
    files = [Path(__file__).with_name("api.py"), *sorted((ROOT / "examples").glob("*.py"))]
    for file in files:
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(file)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert (done.stdout, done.returncode) == ("", 0)
