"""Each program of `examples/` is run as its first lines say, against a real CA."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from evercert.base.secret import Secret
from evercert.notify.signing import key_of, signature
from evercert.pki.chain import split_pem
from tests.cli.shell import Shell
from tests.peers.pebble import Pebble
from tests.peers.ports import free_port
from tests.peers.program import ROOT, Program

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


def test_every_example_is_named_in_its_readme_and_run_here() -> None:
    names = {path.name for path in EXAMPLES.glob("*.py")}
    readme, here = (EXAMPLES / "README.md").read_text(), Path(__file__).read_text()
    assert {name for name in names if f"[{name}]({name})" not in readme or f'"{name}"' not in here} == set()


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
