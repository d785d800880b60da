"""The unit files that are shipped."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from evercert.cli.units import CA_FOLDER, UNITS, ca_unit_text
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


@pytest.mark.parametrize("port", [443, 8443])
def test_systemd_accepts_the_unit_of_a_ca_and_finds_little_that_it_may(tmp_path: Path, port: int) -> None:
    text = ca_unit_text(CA_FOLDER, [port]).replace("/usr/local/bin/evercert", str(ROOT / ".venv/bin/evercert"))
    unit = tmp_path / "evercert-ca.service"
    unit.write_text(text)
    analyze = installed("systemd-analyze", "run `make peers`")
    verdict = subprocess.run([analyze, "verify", unit], capture_output=True, text=True)
    assert (verdict.returncode, verdict.stderr) == (0, "")
    # Out of 100, fewer are better: 20 is "OK" at its best; the other units, which write servers' files, have some 50.
    exposed: list[str | Path] = [analyze, "security", "--offline=true", "--threshold=20", unit]
    verdict = subprocess.run(exposed, capture_output=True, text=True)
    assert verdict.returncode == 0, verdict.stdout


def test_the_unit_of_a_ca_is_printed_for_where_it_is_and_listens(tmp_path: Path) -> None:
    evercert, folder = ROOT / ".venv/bin/evercert", tmp_path / "ca"
    init: list[str | Path] = [evercert, "ca", "init", "--dir", folder, "--listen", "127.0.0.1:443"]
    subprocess.run(init, capture_output=True, check=True)
    printed = subprocess.run(
        [evercert, "ca", "serve", "--print-unit", "--dir", folder], capture_output=True, text=True, check=True
    ).stdout
    assert f"ExecStart={evercert} ca serve --dir {folder} " in printed
    assert "LoadCredential=" not in printed
    assert "CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n" in printed
    assert f"ReadWritePaths={folder}\n" in printed
    # Where the user is root, /root is out of reach, and PostgreSQL's driver does not take a no.
    assert f"\nEnvironment=HOME={folder}\n" in printed
    usual = ca_unit_text(CA_FOLDER, [8443])
    assert "CapabilityBoundingSet=\n" in usual
    assert "DynamicUser=yes" in usual


SHIPPED = [*(ROOT / "src/evercert/daemon/units").glob("*.service"), *(ROOT / "examples").glob("*/*.service")]


@pytest.mark.parametrize("unit", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_who_starts_programs_and_workers_is_told_to_end_alone_and_tells_them(unit: Path) -> None:
    text = unit.read_text()
    assert ("KillMode=mixed" in text) == ("evercert run" in text)


@pytest.mark.parametrize("unit", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_who_stays_is_started_again_however_often_it_has_failed(unit: Path) -> None:
    text = unit.read_text()
    # systemd's own limit, five starts in ten seconds, would end it where each fails at once.
    assert ("Restart=always" in text) == ("StartLimitIntervalSec=0" in text)


@pytest.mark.parametrize("unit", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_where_systemd_has_credentials_from_whoever_asks_by_hand_finds_them_too(unit: Path) -> None:
    loaded = re.findall(r"^LoadCredential=(.*):(.*)$", unit.read_text(), re.MULTILINE)
    # That folder is CREDENTIALS_DIRECTORY then, where a credential's name is the file's.
    assert {name for name, _ in loaded} == {Path(path).name for _, path in loaded}
    assert len({Path(path).parent for _, path in loaded}) <= 1
