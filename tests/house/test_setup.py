"""`tools/setup` on the Python that is named, or on none."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.house.sources import ROOT


def test_a_python_that_is_named_and_does_not_fit_is_an_error_and_no_other_is_taken(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/setup", tmp_path / "tools")
    named = {**os.environ, "PYTHON": "no-such-python"}
    done = subprocess.run([tmp_path / "tools/setup"], capture_output=True, text=True, timeout=60, env=named)
    assert done.returncode == 1
    assert done.stderr.startswith("setup: error: no-such-python is no Python 3.11 or newer\nsetup: hint: ")
    assert not (tmp_path / ".venv").exists()
