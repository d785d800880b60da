"""The Pebble that other tests lean on is the CA that its docstring describes, as seen by a client from elsewhere."""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.peers.pebble import Pebble
from tests.peers.program import installed


def lego(pebble: Pebble, folder: Path, name: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(
            installed("lego", "run `make peers`"),
            "--server",
            pebble.directory,
            "--accept-tos",
            "--email",
            "a@example.test",
        ),
        *("--domains", name, "--path", str(folder), "--http", "--http.port", f"127.0.0.1:{pebble.http_port}", *more),
    ]
    return subprocess.run(command, env=pebble.environment(), capture_output=True, text=True, timeout=60)


def directory(pebble: Pebble) -> dict[str, Any]:
    context = ssl.create_default_context(cafile=str(pebble.authority))
    with urllib.request.urlopen(pebble.directory, context=context, timeout=10) as response:
        return dict(json.loads(response.read()))


def test_the_directory_is_reached_under_the_authority_that_the_peer_gives(pebble: Pebble) -> None:
    assert {"newOrder", "renewalInfo", "keyChange"} <= directory(pebble).keys()


def test_another_client_gets_a_certificate_and_the_peer_can_be_asked_about_it(
    start_pebble: Callable[..., Pebble], tmp_path: Path
) -> None:
    pebble = start_pebble(nonce_reject=0)
    done = lego(pebble, tmp_path, "lego.example.test", "run")
    assert done.returncode == 0, done.stderr
    certificate = x509.load_pem_x509_certificate((tmp_path / "certificates/lego.example.test.crt").read_bytes())
    assert pebble.status_of(f"{certificate.serial_number:x}")["Status"] == "Valid"
    assert (pebble.order_count(), pebble.account_count()) == (1, 1)
    assert pebble.root().startswith("-----BEGIN CERTIFICATE-----")


def test_profiles_eab_and_roots_are_what_the_test_asked_for(start_pebble: Callable[..., Pebble]) -> None:
    pebble = start_pebble(
        profiles={"short": 600, "long": 6000},
        eab_keys={"k": "aGVsbG8tdGhpcy1pcy1hLWtleS0zMi1ieXRlcw"},
        alternate_roots=1,
    )
    meta = directory(pebble)["meta"]
    assert meta["profiles"].keys() == {"short", "long"}
    assert meta["externalAccountRequired"] is True
    assert pebble.root(0) != pebble.root(1)


@pytest.mark.parametrize("name", ["a.example.test", "xn--bcher-kva.example.test"])
def test_every_name_leads_to_this_machine(pebble: Pebble, name: str) -> None:
    import dns.message
    import dns.query

    assert pebble.dns is not None
    answer = dns.query.udp(dns.message.make_query(name, "A"), "127.0.0.1", port=pebble.dns.dns_port, timeout=5)
    assert [str(record) for record in answer.answer[0]] == ["127.0.0.1"]
