"""http-01 and tls-alpn-01 in every way that they can be answered, with the real ports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.bundles import Issuer
from tests.journeys.host import NAME, Host
from tests.journeys.visitors import Visitors
from tests.peers.challtestsrv import Challtestsrv
from tests.peers.namespaces import Namespace
from tests.peers.pebble import Pebble, PebbleConfig
from tests.peers.program import installed
from tests.peers.stock import served_folder, stock_nginx

SECURE = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    server {{ listen 127.0.0.1:8443 ssl; ssl_certificate {folder}/site.pem; ssl_certificate_key {folder}/site.key;
              location / {{ return 200 live; }} }}
}}
"""


@pytest.fixture
def live(namespace: Namespace, tmp_path: Path) -> Iterator[int]:
    """The port of a TLS server that does not know of us."""
    folder = tmp_path / "live"
    folder.mkdir()
    bundle = Issuer().bundle(NAME)
    assert bundle.private_key is not None
    (folder / "site.pem").write_text(bundle.fullchain_pem)
    (folder / "site.key").write_bytes(bundle.private_key.reveal())
    (folder / "nginx.conf").write_text(SECURE.format(folder=folder))
    namespace.run(["mount", "-t", "tmpfs", "none", "/var/lib/nginx"])
    program = installed("nginx", "run `make peers`")
    with namespace.start([program, "-e", folder / "error.log", "-c", folder / "nginx.conf"], "live") as running:
        running.wait_until(lambda: namespace.accepts(8443), "accepting connections")
        yield 8443


def test_port_80_is_taken_for_as_long_as_it_is_needed(host: Host, at: list[str], namespace: Namespace) -> None:
    host("obtain", NAME, *at, "--http-01")
    assert not namespace.accepts(80)
    first = host.serial()
    host("renew", "--force", NAME)
    assert host.serial() != first


def test_port_443_is_taken_for_as_long_as_it_is_needed(host: Host, at: list[str], namespace: Namespace) -> None:
    host("obtain", NAME, *at, "--tls-alpn-01")
    assert not namespace.accepts(443)


def test_files_below_the_folder_of_a_server_are_there_only_meanwhile(
    host: Host, at: list[str], namespace: Namespace, tmp_path: Path
) -> None:
    root = served_folder(tmp_path / "www")
    with stock_nginx(namespace, tmp_path, {"www": f"server {{ listen 80; server_name {NAME}; root {root}; }}\n"}):
        host("obtain", NAME, *at, "--webroot", root)
        assert list(root.rglob("*")) == []


def test_a_server_forwards_by_its_owners_own_configuration(
    host: Host, at: list[str], namespace: Namespace, tmp_path: Path
) -> None:
    forward = "location /.well-known/acme-challenge/ { proxy_pass http://127.0.0.1:8402; }"
    with stock_nginx(namespace, tmp_path, {"www": f"server {{ listen 80; server_name {NAME}; {forward} }}\n"}) as etc:
        before = (etc / "sites-enabled" / "www").read_text()
        host("obtain", NAME, *at, "--proxied-port", "8402")
        assert (etc / "sites-enabled" / "www").read_text() == before
        assert not namespace.accepts(8402)


def test_a_live_tls_server_is_passed_by_and_not_disturbed(host: Host, at: list[str], live: int) -> None:
    """We stand on port 443 while the server has another: its clients go through us to it."""
    with Visitors(host.namespace, NAME, live) as visitors:
        host("obtain", NAME, *at, "--tls-alpn-01", "--tls-upstream", f"127.0.0.1:{live}")
        seen = visitors.gone()
    assert (seen.failures, seen.leaves) == ([], 1)


def test_clients_of_a_port_with_a_front_reach_the_server_behind_it(
    host: Host, names: Challtestsrv, live: int, tmp_path: Path
) -> None:
    """A CA that takes its time over many names gives a client of the site time to come."""
    wanted = tmp_path / "wanted"
    wanted.write_text("".join(f"n{number}.example.test\n" for number in range(20)))
    slow = PebbleConfig(dns=names.address, http_port=80, tls_port=443, validation_sleep=5)
    with Pebble(host.namespace, slow) as ca:
        at: list[str | Path] = ["--ca", ca.directory, "--ca-roots", ca.authority, "--tls-alpn-01"]
        at += ["--tls-upstream", f"127.0.0.1:{live}"]
        with host.start("obtain", "--each-from", wanted, *at, "--json", "-q") as running:
            running.wait_until(lambda: host.namespace.accepts(443), "standing on port 443")
            shown = [host.served(NAME).serial for _ in range(3)]
            assert running.wait(60) == 0
    assert set(shown) == {host.served(NAME, port=live).serial}
    assert {each["state"] for each in json.loads(running.text())} == {"installed"}


def test_an_address_is_proved_by_either(host: Host, at: list[str]) -> None:
    host("obtain", "127.0.0.1", "--name", "by-http", *at, "--http-01")
    host("obtain", "127.0.0.1", "--name", "by-tls", *at, "--tls-alpn-01")
    assert host.state("by-http") == host.state("by-tls") == "installed"
