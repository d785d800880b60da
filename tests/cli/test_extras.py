"""What an installation without an extra says to whoever needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.program import ROOT

# The library is hidden from the program as if it had never been installed.
_HIDDEN = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
from evercert.cli.start import run
sys.exit(run(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ca") / "ca"
    subprocess.run([ROOT / ".venv/bin/evercert", "ca", "init", "--dir", folder], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(("library", "extra"), [("httptools", "ca"), ("pkilint", "ca")])
def test_a_missing_extra_is_named(folder: Path, library: str, extra: str) -> None:
    (folder / "linted.json").unlink(missing_ok=True)
    argv = [sys.executable, "-c", _HIDDEN, library, "ca", "serve", "--dir", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"pip install 'evercert[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
