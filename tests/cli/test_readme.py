"""The README's first lines, as they are typed: on a machine with the stock nginx, a real CA, and the real ports."""

from __future__ import annotations

import json
import shutil
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evercert.pki.cert import read_certificate
from tests.peers.challtestsrv import Challtestsrv
from tests.peers.namespaces import Namespace
from tests.peers.pebble import Pebble, PebbleConfig
from tests.peers.program import ROOT, installed, without_trust_overrides

NAME = "www.example.test"
_SERVED = f"import ssl; print(ssl.get_server_certificate(('{NAME}', 443)))"


@pytest.fixture
def machine(namespace: Namespace, tmp_path: Path) -> Iterator[Namespace]:
    """Debian's own nginx with one plain site, and a DNS in which every name is this machine."""
    etc = tmp_path / "etc-nginx"
    shutil.copytree("/etc/nginx", etc, symlinks=True)
    (etc / "sites-enabled" / "www").write_text(f"server {{ listen 80; listen [::]:80; server_name {NAME}; }}\n")
    namespace.run(["mount", "--bind", etc, "/etc/nginx"])
    for folder in ("/run", "/var/log/nginx", "/var/lib/nginx"):
        namespace.run(["mount", "-t", "tmpfs", "none", folder])
    with Challtestsrv(namespace, port=53):
        nginx = namespace.start([installed("nginx", "run `make peers`"), "-g", "daemon off;"], "nginx")
        nginx.wait_until(lambda: namespace.accepts(80), "accepting connections")
        yield namespace
        nginx.end()


def test_obtain_installs_in_a_running_nginx_and_renew_replaces_it(machine: Namespace, tmp_path: Path) -> None:
    config = PebbleConfig(dns="127.0.0.1:53", http_port=80, tls_port=443)
    environ = without_trust_overrides(EVERCERT_HOME=str(tmp_path / "home"))

    def evercert(*arguments: str) -> str:
        return machine.run([installed("evercert", "run `make setup`"), *arguments], env=environ).stdout

    with Pebble(machine, config) as pebble:
        machine.trust(pebble.authority)
        told = evercert("obtain", NAME, "--ca", pebble.directory, "--http-01", "--deploy", "nginx")
        assert told.startswith(f"{NAME}: served, valid until ")
        first = _served_serial(machine)
        assert json.loads(evercert("show", NAME, "--json"))["current"]["serial"] == first
        assert f"{NAME}  served" in evercert("list")
        evercert("renew", "--force", NAME)
        assert _served_serial(machine) != first
        site = (tmp_path / "etc-nginx" / "sites-enabled" / "www").read_text()
        assert "acme-challenge" not in site


def test_every_command_of_the_readme_is_one() -> None:
    from evercert.cli.app import COMMANDS

    typed = [line.split() for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("    evercert ")]
    assert typed
    assert {words[1] for words in typed} <= set(COMMANDS)


def _served_serial(machine: Namespace) -> str:
    pem = machine.run([sys.executable, "-c", _SERVED]).stdout
    return read_certificate(ssl.PEM_cert_to_DER_cert(pem)).serial
