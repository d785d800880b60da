"""New settings while a CA serves: taken whole, or not at all and said so."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from evercert.acme.client import AsyncClient
from evercert.acme.jose import ExternalAccount
from evercert.base.clock import SystemClock
from evercert.base.names import parse_identifiers
from evercert.base.secret import Secret
from evercert.net.http import HttpSettings, HttpTransport
from evercert.pki.cert import read_certificate
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, generate
from tests.peers.evercert_ca import PROGRAM, EvercertCa

PROFILE = '\n[profiles.weekly]\ndescription = "a week"\nlife = "7d"\n[profiles.default]\ndescription = "usual"\n'


def run(ca: EvercertCa, *words: str, status: int = 0) -> Any:
    argv: list[str | Path] = [PROGRAM, "ca", *words, "--dir", ca.folder, "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def add_issuer(ca: EvercertCa) -> None:
    offline = ca.folder / "offline"
    words = ("--root-key", str(offline / "root.key.pem"), "--root-passphrase", f"file:{offline / 'root.passphrase'}")
    run(ca, "issuer", "add", "issuing-2", *words)


async def test_a_served_ca_takes_new_settings_profiles_and_issuers(tmp_path: Path) -> None:
    ca = EvercertCa(tmp_path / "ca")
    assert run(ca, "reload", status=3)["error"]["code"] == "not-found"
    file = ca.folder / "ca.toml"
    with ca:
        out = run(ca, "eab", "add", "--many", "--name", ".corp.test", "--authorize")
        clock, key = SystemClock(), generate(KeyType.EC256)
        transport = HttpTransport(HttpSettings(roots=ca.root_file, use_system_roots=False), clock)
        client = AsyncClient(ca.directory, key, transport, clock)
        await client.new_account([], terms_agreed=True, eab=ExternalAccount(out["kid"], Secret(out["hmac_key"])))
        order = await client.new_order(parse_identifiers(["a.corp.test"]))

        good = file.read_text()
        file.write_text(good + "\nnonsense = 1\n")
        assert run(ca, "reload", status=2)["error"]["code"] == "bad-input"
        file.write_text(good.replace('listen = ["', 'listen = ["127.0.0.1:1", "') + PROFILE)
        add_issuer(ca)
        run(ca, "reload")
        ca.program.wait_until(lambda: "read again" in ca.program.text(), "read again", 60)
        assert "takes a restart: listen" in ca.program.text()

        names = parse_identifiers(["a.corp.test"])
        done = await client.finalize(order, build_csr(generate(KeyType.EC256), names), 30)
        assert read_certificate((await client.chains(done))[0][0]).issuer.endswith("issuing-2")
        weekly = await client.new_order(parse_identifiers(["b.corp.test"]), profile="weekly")
        assert weekly.status == "ready"
        await transport.close()
    assert "Traceback" not in ca.program.text()


def test_what_is_wrong_changes_nothing(tmp_path: Path) -> None:
    with EvercertCa(tmp_path / "ca") as ca:
        key = next(ca.folder.glob("issuers/*/key.sealed"))
        sealed = key.read_bytes()
        key.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
        run(ca, "reload")
        ca.program.wait_until(lambda: "everything is as it was" in ca.program.text(), "told", 60)
        assert ca.get("/acme/directory") == 200
        key.write_bytes(sealed)
        run(ca, "reload")
        ca.program.wait_until(lambda: "read again" in ca.program.text(), "read again", 60)
