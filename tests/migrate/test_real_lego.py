"""A folder that the real lego has just written."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from evercert.migrate.recognize import read_client
from evercert.pki.cert import read_certificate
from tests.peers.pebble import Pebble
from tests.peers.program import installed


def test_what_lego_obtained_is_taken_over(start_pebble: Callable[..., Pebble], tmp_path: Path) -> None:
    pebble = start_pebble(nonce_reject=0, always_valid=True)
    command = [installed("lego", "run `make peers`"), "--server", pebble.directory, "--accept-tos"]
    command += ["--email", "a@example.test", "--path", str(tmp_path), "--key-type", "ec384"]
    command += ["--domains", "lego.example.test", "--domains", "www.lego.example.test"]
    command += ["--http", "--http.port", f"127.0.0.1:{pebble.http_port}", "run"]
    done = subprocess.run(command, env=pebble.environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr

    imported = read_client(tmp_path)

    assert (imported.client, imported.remarks) == ("lego", ())
    (certificate,), (account,) = imported.certificates, imported.accounts
    assert {str(name) for name in certificate.identifiers} == {"lego.example.test", "www.lego.example.test"}
    assert certificate.key is not None
    assert certificate.key.spki == read_certificate(certificate.chain[0]).spki
    assert certificate.account_url == account.url
    assert account.url.startswith("https://")
    assert account.contacts == ("mailto:a@example.test",)
