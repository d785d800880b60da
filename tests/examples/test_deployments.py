"""What `examples/` has for services, containers, pipelines and balancers is read by the programs that it is for."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from evercert.base.secret import Secret
from evercert.ca.pace import Pace
from evercert.ca.setup.settings import load_ca_settings
from evercert.config.declaration.reading import read_declaration
from evercert.config.settings import SETTINGS, load_settings
from tests.peers.program import ROOT, installed

EXAMPLES = ROOT / "examples"
EVERCERT = ROOT / ".venv/bin/evercert"
CONTAINERS = EXAMPLES / "containers"

# What whoever runs beside this test is just writing.
COMPILED = shutil.ignore_patterns("__pycache__")

UNITS = [EXAMPLES / "systemd/evercert.service", EXAMPLES / "ca-cluster/evercert-ca.service"]


def of_this_machine(unit: Path, folder: Path) -> Path:
    """The unit with the path of the program that is tested."""
    copied = folder / unit.name
    copied.write_text(unit.read_text().replace("/usr/local/bin/evercert", str(EVERCERT)))
    return copied


def accepted(unit: Path) -> None:
    analyze = installed("systemd-analyze", "run `make peers`")
    verdict = subprocess.run([analyze, "verify", unit], capture_output=True, text=True)
    assert (verdict.returncode, verdict.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.parent.name)
def test_systemd_accepts_each_unit_and_finds_little_that_it_may(tmp_path: Path, unit: Path) -> None:
    copied = of_this_machine(unit, tmp_path)
    accepted(copied)
    analyze: list[str | Path] = [installed("systemd-analyze", "run `make peers`"), "security", "--offline=true"]
    exposed = subprocess.run([*analyze, "--threshold=20", copied], capture_output=True)
    assert exposed.returncode == 0, exposed.stdout
    [command] = re.findall(r"^ExecStart=\S+ (.*)$", unit.read_text(), re.MULTILINE)
    shown = subprocess.run([EVERCERT, *command.split(), "--help"], capture_output=True)
    assert shown.returncode == 0, shown.stderr


def test_a_node_has_the_secrets_and_settings_that_it_says_from_systemd_and_from_a_shell(tmp_path: Path) -> None:
    folder = EXAMPLES / "systemd"
    unit, file = (folder / "evercert.service").read_text(), folder / "node.env"
    assert "\nEnvironmentFile=/etc/evercert/node.env\n" in unit
    environ = subprocess.run(
        ["env", "-i", "sh", "-c", "set -a; . $0; env", file], capture_output=True, text=True, check=True
    ).stdout
    variables = dict(re.findall(r"^(EVERCERT_[A-Z_]+)=(.*)$", environ, re.MULTILINE))
    # systemd reads it as a shell does: what has a sign of a shell's stands in double quotes.
    assert variables == dict(re.findall(r'^([A-Z_]+)="?([^"\n]+)', file.read_text(), re.MULTILINE))
    assert set(variables) <= {setting.variable for setting in SETTINGS}
    assert set(re.findall(r"=cred:(\S+)", environ)) <= set(re.findall(r"^LoadCredential=([^:]+):", unit, re.MULTILINE))
    (tmp_path / "db-password").write_text("word")
    assert isinstance(load_settings(variables | {"CREDENTIALS_DIRECTORY": str(tmp_path)}).store, Secret)


def test_the_settings_of_a_ca_of_several_nodes_are_read() -> None:
    folder = EXAMPLES / "ca-cluster"
    settings = load_ca_settings(folder / "ca.toml")
    assert settings.database.startswith("file:")
    assert settings.pace() == Pace()
    haproxy = installed("haproxy", "run `make peers`")
    checked = subprocess.run([haproxy, "-c", "-f", folder / "haproxy.cfg"], capture_output=True, text=True)
    assert (checked.returncode, "WARNING" in checked.stdout + checked.stderr) == (0, False), checked.stderr


def gitops(folder: Path) -> Path:
    """The repository and what it refers to, below a folder that stands for /etc/evercert."""
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    for name in ("google-eab", "tsig"):
        (secrets / name).write_text("d29yZA==")
        (secrets / name).chmod(0o600)
    root: list[str | Path] = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    root += ["-nodes", "-subj", "/CN=root", "-keyout", folder / "root.key", "-out", folder / "corp-root.pem"]
    subprocess.run(root, check=True, capture_output=True)
    checkout = folder / "checkout"
    shutil.copytree(EXAMPLES / "gitops", checkout)
    for file in [checkout / "pipeline.yml", *checkout.rglob("*.toml")]:
        file.write_text(file.read_text().replace("/etc/evercert", str(folder)))
    return checkout


def test_each_command_of_the_pipeline_does_what_its_step_says(tmp_path: Path) -> None:
    checkout = gitops(tmp_path)
    job: dict[str, Any] = yaml.safe_load((checkout / "pipeline.yml").read_text())["jobs"]["certificates"]
    environ = os.environ | job["env"] | {"EVERCERT_HOME": str(tmp_path / "home")}
    steps = {step["name"]: shlex.split(step["run"]) for step in job["steps"] if "run" in step}

    def run(argv: list[str]) -> str:
        assert argv[0] == "evercert"
        done = subprocess.run([EVERCERT, *argv[1:]], cwd=checkout, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    would_change = run(steps["what would change"])
    assert "7 to create" in would_change
    assert run(steps["make it so"]).startswith(would_change)
    assert "nothing to do; 7 unchanged" in run(steps["what would change"])


def test_the_service_of_the_pipeline_has_the_secrets_that_its_fleet_refers_to(tmp_path: Path) -> None:
    folder = EXAMPLES / "gitops"
    text = (folder / "fleet" / "evercert.toml").read_text()
    drop_in = (folder / "config.conf").read_text()
    assert set(re.findall(r"cred:([a-z-]+)", text)) == set(re.findall(r"^LoadCredential=(.*):", drop_in, re.MULTILINE))
    printed = subprocess.run([EVERCERT, "run", "--print-unit", "evercert.service"], capture_output=True, check=True)
    (tmp_path / "evercert.service").write_bytes(printed.stdout)
    beside = tmp_path / "evercert.service.d"
    beside.mkdir()
    shutil.copy(folder / "config.conf", beside)
    accepted(tmp_path / "evercert.service")
    declaration = read_declaration(folder / "fleet", load_settings({}, home=str(tmp_path)))
    assert {each.intent.name for each in declaration.certificates} == {
        "shop", "a.example.net", "b.example.net", *(f"pay{number}.example.com" for number in range(1, 5)),
    }  # fmt: skip


def composed() -> dict[str, Any]:
    composed: dict[str, Any] = yaml.safe_load((CONTAINERS / "compose.yaml").read_text())
    return composed


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Where in a container which folder or volume is."""
    return {place: source for source, place in (volume.split(":")[:2] for volume in service["volumes"])}


def test_nodes_in_containers_are_not_root_and_write_nothing() -> None:
    node = composed()["services"]["node"]
    assert (node["user"], node["read_only"], node["cap_drop"]) == ("10001:10001", True, ["ALL"])
    assert node["security_opt"] == ["no-new-privileges:true"]
    # Their home is made by them in what is nobody's: podman knows no owner of a tmpfs.
    [(place, options)] = [entry.split(":") for entry in node["tmpfs"]]
    assert options == "mode=1777"
    assert Path(node["environment"]["EVERCERT_HOME"]).parent == Path(place)


def test_nodes_in_containers_have_their_secrets_in_files_and_only_settings_that_there_are(tmp_path: Path) -> None:
    everything = composed()
    node, database = (everything["services"][name] for name in ("node", "db"))
    variables: dict[str, str] = node["environment"]
    assert set(variables) <= {setting.variable for setting in SETTINGS}
    declared = (CONTAINERS / "fleet" / "evercert.toml").read_text()
    referred = set(re.findall(r"file:/run/secrets/([a-z-]+)", str(variables) + declared))
    assert referred == set(node["secrets"]) == set(everything["secrets"])
    assert {f"./secrets/{name}" for name in referred} == {each["file"] for each in everything["secrets"].values()}
    assert database["environment"]["POSTGRES_PASSWORD_FILE"] == f"/run/secrets/{database['secrets'][0]}"
    (tmp_path / "db-password").write_text("word")
    given = {name: value.replace("/run/secrets", str(tmp_path)) for name, value in variables.items()}
    assert isinstance(load_settings(given).store, Secret)


def test_nodes_in_containers_come_again_while_the_database_is_away() -> None:
    node = composed()["services"]["node"]
    # For podman-compose what it depends on must run before it may be started again.
    assert (node["restart"], "depends_on" in node) == ("always", False)


def test_whichever_node_in_a_container_has_the_turn_can_prove_and_install_each_certificate(tmp_path: Path) -> None:
    node = composed()["services"]["node"]
    assert mounts(node)[node["environment"]["EVERCERT_CONFIG"]] == "./fleet"
    certificates = read_declaration(CONTAINERS / "fleet", load_settings({}, home=str(tmp_path))).certificates
    assert {rule.type for each in certificates for rule in each.intent.challenges} == {"dns-01"}
    [place] = {spec.options["dir"] for each in certificates for spec in each.intent.targets}
    assert mounts(node)[place] == "certificates"
    # Else the volume is root's, where nothing gives it to the container's user.
    image = (CONTAINERS / "Containerfile").read_text()
    assert re.search(rf"install -d -o 10001 -g 10001 -m 0755 {place}$", image, re.MULTILINE)
    assert "\nUSER 10001:10001\n" in image


def test_what_the_container_is_built_from_is_the_whole_package_and_nothing_else(tmp_path: Path) -> None:
    stage, _, _ = (CONTAINERS / "Containerfile").read_text().partition("\nFROM docker.io/library/python:3.13-slim\n")
    source = tmp_path / "src"
    for line in re.findall(r"^COPY (.*)$", stage, re.MULTILINE):
        *names, place = line.split()
        for name in names:
            put = tmp_path / place.lstrip("/") / (name if place.endswith("/") else "")
            put.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, put, ignore=COMPILED)
            else:
                shutil.copy(ROOT / name, put)
    assert {path.name for path in source.iterdir()} == {"pyproject.toml", "README.md", "LICENSE", "src"}
    argv: list[str | Path] = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*argv, "--no-index", "--wheel-dir", tmp_path, source], check=True, capture_output=True)
    [wheel] = tmp_path.glob("evercert-*.whl")
    package = source / "src/evercert"
    ours = {path.relative_to(package.parent) for path in package.rglob("*") if path.is_file()}
    assert len(ours) > 400
    assert ours - {Path(name) for name in zipfile.ZipFile(wheel).namelist()} == set()
