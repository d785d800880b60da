"""Each file of `examples/` is run as its first lines say, against a real CA."""

from __future__ import annotations

import configparser
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from evercert.base.secret import Secret
from evercert.ca.pace import Pace
from evercert.ca.setup.settings import load_ca_settings
from evercert.config.declaration.reading import read_declaration
from evercert.config.settings import SETTINGS, load_settings
from evercert.notify.signing import key_of, signature
from evercert.pki.chain import split_pem
from tests.cli.shell import Shell
from tests.peers.pebble import Pebble
from tests.peers.ports import free_port
from tests.peers.program import ROOT, Program, installed

EXAMPLES = ROOT / "examples"


def run(name: str, folder: Path, pebble: Pebble, *arguments: str | Path) -> str:
    """What the example printed; it must succeed."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        cwd=folder,
        env=Shell(folder / "home", pebble).environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_call_obtains_and_the_same_call_again_returns_what_is_held(tmp_path: Path, pebble: Pebble) -> None:
    arguments = ("obtain.example.test", pebble.directory, pebble.authority, str(pebble.http_port))
    first = run("obtain.py", tmp_path, pebble, *arguments)
    assert first.startswith("obtain.example.test: serial ")
    orders = pebble.order_count()
    assert run("obtain.py", tmp_path, pebble, *arguments) == first
    assert pebble.order_count() == orders


def test_the_protocol_by_hand_and_without_a_loop(tmp_path: Path, pebble: Pebble) -> None:
    arguments = (pebble.directory, "plumbing.example.test", str(pebble.http_port), pebble.authority)
    pem = run("plumbing.py", tmp_path, pebble, *arguments)
    assert len(split_pem(pem.encode())) >= 2
    (tmp_path / "certificate.pem").write_text(pem)
    told = run("blocking.py", tmp_path, pebble, pebble.directory, pebble.authority, tmp_path / "certificate.pem")
    account, renewal = told.splitlines()
    assert account.endswith(" is valid")
    assert renewal.startswith("renew ")


def test_the_settings_of_a_ca_of_several_nodes_are_read(tmp_path: Path) -> None:
    folder = EXAMPLES / "ca-cluster"
    settings = load_ca_settings(folder / "ca.toml")
    assert settings.database.startswith("file:")
    assert settings.pace() == Pace()
    haproxy = installed("haproxy", "run `make peers`")
    subprocess.run([haproxy, "-c", "-f", folder / "haproxy.cfg"], check=True, capture_output=True)
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(folder / "evercert-ca.service")
    command = unit["Service"]["ExecStart"].split()[1:]
    shown = subprocess.run(
        [ROOT / ".venv/bin/evercert", *command, "--help"], capture_output=True, check=True, text=True
    )
    assert "Answer as the CA in that folder" in shown.stdout


def test_every_example_is_named_in_its_readme_and_run_here() -> None:
    names = {path.name for path in EXAMPLES.glob("*.py")}
    readme, here = (EXAMPLES / "README.md").read_text(), Path(__file__).read_text()
    assert {name for name in names if f"[{name}]({name})" not in readme or f'"{name}"' not in here} == set()


def test_a_fleet_in_a_folder_is_a_declaration_and_its_unit_has_the_secrets_that_it_refers_to(tmp_path: Path) -> None:
    folder = EXAMPLES / "gitops"
    declaration = read_declaration(folder / "fleet", load_settings({}, home=str(tmp_path)))
    assert {each.intent.name for each in declaration.certificates} == {
        "shop", "a.example.net", "b.example.net", *(f"pay{number}.example.com" for number in range(1, 5)),
    }  # fmt: skip
    text = (folder / "fleet" / "evercert.toml").read_text()
    lines = (folder / "config.conf").read_text().splitlines()
    given = {line.partition("=")[2].partition(":")[0] for line in lines if line.startswith("LoadCredential=")}
    assert given == set(re.findall(r"cred:([a-z-]+)", text))


def test_systemd_accepts_the_unit_of_a_node_and_finds_little_that_it_may(tmp_path: Path) -> None:
    text = (EXAMPLES / "systemd" / "evercert.service").read_text()
    unit = tmp_path / "evercert.service"
    unit.write_text(text.replace("/usr/local/bin/evercert", str(ROOT / ".venv/bin/evercert")))
    analyze = installed("systemd-analyze", "run `make peers`")
    verdict = subprocess.run([analyze, "verify", unit], capture_output=True, text=True)
    assert (verdict.returncode, verdict.stderr) == (0, "")
    exposed = subprocess.run([analyze, "security", "--offline=true", "--threshold=20", unit], capture_output=True)
    assert exposed.returncode == 0, exposed.stdout
    assert set(re.findall(r"=cred:(\S+)", text)) <= set(re.findall(r"^LoadCredential=([^:]+):", text, re.MULTILINE))
    variables = dict(re.findall(r'^Environment="?([A-Z_]+)=([^"\n]+)', text, re.MULTILINE))
    assert set(variables) <= {setting.variable for setting in SETTINGS}
    given = variables | {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    (tmp_path / "db-password").write_text("word")
    assert isinstance(load_settings(given).store, Secret)


def test_nodes_in_containers_are_not_root_write_nothing_and_have_secrets_in_files(
    tmp_path: Path,
) -> None:
    folder = EXAMPLES / "containers"
    compose, image = (folder / "compose.yaml").read_text(), (folder / "Containerfile").read_text()
    [node] = re.findall(r"^  node:\n(.*?)^  db:", compose, re.MULTILINE | re.DOTALL)
    for line in ("read_only: true", "cap_drop: [ALL]", 'user: "10001:10001"', "no-new-privileges:true"):
        assert line in node
    assert "USER 10001:10001" in image
    variables = dict(re.findall(r"^      (EVERCERT_[A-Z_]+): (\S+)$", node, re.MULTILINE))
    assert set(variables) <= {setting.variable for setting in SETTINGS}
    declared = (folder / "fleet" / "evercert.toml").read_text()
    referred = set(re.findall(r"file:/run/secrets/([a-z-]+)", node + declared))
    assert referred == set(re.findall(r"^  ([a-z-]+): \{ file: \./secrets/\1 \}$", compose, re.MULTILINE))
    assert re.findall(r"^    secrets: \[(.*)\]$", node, re.MULTILINE) == ["db-password, master-key, tsig"]
    (tmp_path / "db-password").write_text("word")
    given = {name: value.replace("/run/secrets", str(tmp_path)) for name, value in variables.items()}
    assert isinstance(load_settings(given).store, Secret)
    certificates = read_declaration(folder / "fleet", load_settings({}, home=str(tmp_path))).certificates
    # Whichever node has the turn can prove and install each of them.
    assert {rule.type for each in certificates for rule in each.intent.challenges} == {"dns-01"}
    assert {spec.options["dir"] for each in certificates for spec in each.intent.targets} == {"/srv/tls"}


def test_the_receiver_of_webhooks_takes_what_is_signed_and_each_event_once(tmp_path: Path) -> None:
    port, secret = free_port(), "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cw=="
    argv: list[str | Path] = [sys.executable, EXAMPLES / "webhook.py", str(port)]
    body = b'{"id":7,"kind":"deployed","certificate":"www"}'

    def posted(signed_with: str) -> int:
        now = int(time.time())
        signed = signature(key_of(Secret(signed_with)), "evercert-7-00", now, body)
        headers = {"webhook-id": "evercert-7-00", "webhook-timestamp": str(now), "webhook-signature": signed}
        try:
            with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}", body, headers)) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code
        except urllib.error.URLError:
            return 0

    def sent(*headers: str) -> int:
        """What it says to a request that nobody has signed."""
        with socket.create_connection(("127.0.0.1", port), timeout=10) as stranger:
            stranger.sendall("\r\n".join(["POST / HTTP/1.1", "Host: x", *headers, "", ""]).encode())
            return int(stranger.recv(1 << 10).split(b" ")[1])

    with Program(argv, tmp_path / "log", env={**os.environ, "WEBHOOK_SECRET": secret}) as receiver:
        receiver.wait_until(lambda: posted(secret) == 204, "taking an event")
        assert posted(secret) == 204
        assert posted("another secret") == 401
        assert sent("Content-Length: 0") == 401
        # Nothing is read of what has no length, or none that is right: it would be read without end.
        for length in ("-1", "many", str(1 << 30)):
            assert sent(f"Content-Length: {length}") == 400
    assert [line for line in receiver.text().splitlines() if "deployed" in line] == ["7 deployed www"]
