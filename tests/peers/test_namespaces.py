"""A namespace gives real ports, its own names, and leaves nothing behind."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.peers.challtestsrv import Challtestsrv
from tests.peers.namespaces import Namespace
from tests.peers.pebble import Pebble, PebbleConfig
from tests.peers.program import installed, without_trust_overrides

_SERVE = "import http.server; http.server.test(http.server.SimpleHTTPRequestHandler, port=80, bind='127.0.0.1')"


def test_a_program_inside_has_port_80_and_nobody_outside_sees_it(namespace: Namespace) -> None:
    server = namespace.start(["python3", "-c", _SERVE], "web")
    server.wait_until(lambda: namespace.accepts(80), "listening on port 80")
    seen = namespace.run(
        ["python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 80), 5); print('in')"]
    )
    assert seen.stdout.strip() == "in"
    with socket.socket() as outside:
        outside.bind(("127.0.0.1", 0))
        assert Path(f"/proc/{server.pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()


def test_names_and_roots_are_private_to_the_namespace(tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    root.write_text("-----BEGIN CERTIFICATE-----\nof this test\n-----END CERTIFICATE-----\n")
    folder = tmp_path / "ns"
    folder.mkdir()
    with Namespace(folder, hosts={"ca.test": "127.0.0.9"}, roots=[root], addresses=["192.0.2.7/32"]) as inside:
        assert inside.run(["getent", "hosts", "ca.test"]).stdout.split() == ["127.0.0.9", "ca.test"]
        assert "of this test" in inside.run(["cat", "/etc/ssl/certs/ca-certificates.crt"]).stdout
        assert inside.run(["cat", "/etc/resolv.conf"]).stdout.startswith("nameserver 127.0.0.1")
        assert "192.0.2.7" in inside.run(["ip", "addr", "show", "dev", "lo"]).stdout
    assert "of this test" not in Path("/etc/ssl/certs/ca-certificates.crt").read_text()
    assert "ca.test" not in Path("/etc/hosts").read_text()


def test_whatever_still_runs_inside_at_the_end_is_ended(tmp_path: Path) -> None:
    with Namespace(tmp_path) as inside:
        left = inside.start(["sh", "-c", "sleep 1000 & wait"], "left", env=without_trust_overrides())
        left.wait_until(lambda: len(inside.inhabitants()) == 2, "two processes")
        inhabitants = inside.inhabitants()
    states = [
        path.read_text().rsplit(")", 1)[1].split()[0]
        for pid in inhabitants
        if (path := Path(f"/proc/{pid}/stat")).exists()
    ]
    assert set(states) <= {"Z"}, "all are gone, or dead and not yet buried by their parent"


def test_pebble_validates_on_the_real_ports_of_a_namespace(namespace: Namespace, tmp_path: Path) -> None:
    with Challtestsrv(namespace, port=53) as names:
        config = PebbleConfig(dns=names.address, http_port=80, tls_port=443)
        with Pebble(namespace, config) as pebble:
            client = [installed("lego", "run `make peers`"), "--server", pebble.directory, "--accept-tos", "--http"]
            about = ["--email", "a@example.test", "--domains", "real.example.test", "--path", str(tmp_path / "lego")]
            namespace.run([*client, *about, "run"], env=pebble.environment())
            assert pebble.order_count() == 1
            assert names.questions("real.example.test")
