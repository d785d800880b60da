"""Trust in a CA's root: by its fingerprint and nothing else, in this machine's real store, seen by strangers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from evercert.base.errors import EvercertError
from evercert.host.trust import TrustStore, store_here, trust
from tests.peers.evercert_ca import PROGRAM, EvercertCa
from tests.peers.program import installed, without_trust_overrides

# The machine's own stores, copied to where nobody else sees what is done with them.
_APART = """
set -e
cp -a /etc/ssl/certs "$1/certs"
mount --bind "$1/certs" /etc/ssl/certs
mkdir -p "$1/local" /usr/local/share/ca-certificates
mount --bind "$1/local" /usr/local/share/ca-certificates
shift
exec "$@"
"""


def apart(folder: Path, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs *script* as root of a mount namespace of its own."""
    unshare = installed("unshare", "run `make peers`")
    argv = [unshare, "-m", "bash", "-c", _APART, "apart", str(folder), "bash", "-ec", script, "script", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, env=without_trust_overrides())


def test_a_root_is_trusted_by_its_fingerprint_alone_and_forgotten_again(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    script = """
    curl -s "$2/health" && exit 9
    "$1" ca trust install --url "$2" --fingerprint "$3"
    [ "$(curl -s "$2/health")" = ok ]
    "$1" ca trust uninstall --fingerprint "$3"
    curl -s "$2/health" && exit 9
    true
    """
    with EvercertCa(tmp_path / "ca") as ca:
        done = apart(store, script, str(PROGRAM), ca.url, ca.fingerprint)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "trusted: " in done.stdout


def show(*words: str, status: int = 0) -> Any:
    done = subprocess.run(
        [PROGRAM, "ca", "trust", "show", "--json", *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def test_another_root_than_the_one_of_the_fingerprint_is_not_taken(tmp_path: Path) -> None:
    with EvercertCa(tmp_path / "ca") as ca:
        right = show("--url", ca.url, "--fingerprint", ca.fingerprint.upper())
        assert right["pem"] == ca.root_file.read_text()
        wrong = show("--url", ca.url, "--fingerprint", "0" * 64, status=4)
    assert wrong["error"]["code"] == "bad-answer"
    assert "no root of that fingerprint" in wrong["error"]["hint"]
    gone = show("--url", ca.url, "--fingerprint", ca.fingerprint, status=6)
    assert gone["error"]["message"] == f"cannot reach {ca.url.removeprefix('https://')}: connection refused"
    assert show("--url", "file:///etc/passwd", "--fingerprint", "0" * 64, status=2)["error"]["code"] == "bad-input"
    assert show("--url", ca.url, "--fingerprint", "short", status=2)["error"]["code"] == "bad-input"


def test_a_machine_without_a_known_store_says_what_to_do() -> None:
    nowhere = TrustStore("nobody's", Path("/nowhere/at/all"), ".pem", ("no-such-program",))
    with pytest.raises(EvercertError) as raised:
        store_here([nowhere])
    assert "trust show" in raised.value.hint


async def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    store = TrustStore("a test's", tmp_path, ".pem", ("true",))
    with pytest.raises(EvercertError):
        await trust(store, "../../etc/passwd", "")
