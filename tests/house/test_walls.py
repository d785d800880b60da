"""The walls in pyproject.toml stand around every room, and light commands stay on the near side of heavy ones."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from tests.house.sources import ROOT, SRC

# Who may do what the wall forbids everybody else; the demonstration brings a TLS server of its own, and a simulated
# CA must not check us with our own eyes.
ALLOWED = {
    "only pki speaks to cryptography": {"pki", "demo", "simulation"},
    "only db speaks to drivers": {"db", "demo"},
    "only net opens sockets": {"net", "demo"},
}

# Each costs 20 to 200 ms to import; what needs no network and no key must not wait for it.
HEAVY = {"asyncio", "cryptography", "rich", "ssl", "urllib3"}

_LOOK = """
import sys
from evercert.cli import main
sys.argv[0] = "evercert"
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print()
print(*sys.modules)
"""


def _walls() -> dict[str, dict[str, list[str]]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {wall["name"]: wall for wall in settings["tool"]["importlinter"]["contracts"]}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_wall_stands_around_every_room(name: str) -> None:
    rooms = {path.parent.name for path in SRC.glob("*/__init__.py")}
    assert {module.removeprefix("evercert.") for module in _walls()[name]["source_modules"]} == rooms - ALLOWED[name]


@pytest.mark.parametrize("arguments", [["version"], ["--version"], ["--help"]])
def test_a_light_command_imports_nothing_heavy(arguments: list[str]) -> None:
    command = [sys.executable, "-c", _LOOK, *arguments]
    seen = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert seen.returncode == 0, seen.stderr
    assert HEAVY & set(seen.stdout.splitlines()[-1].split()) == set()
