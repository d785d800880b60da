"""The operator's commands, as they are typed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.peers.program import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA that has issued nothing yet."""
    folder = tmp_path_factory.mktemp("ca") / "ca"
    run("init", "--dir", str(folder), "--name", "Corp", "--issuer-key", "ec384")
    return folder


def run(*words: str, status: int = 0) -> Any:
    """What the command says, as JSON."""
    argv = [str(ROOT / ".venv/bin/evercert"), "ca", *words, "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def said(*words: str) -> str:
    """What the command says to people."""
    argv = [str(ROOT / ".venv/bin/evercert"), "ca", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_ca_is_made_once(folder: Path) -> None:
    assert "already" in run("init", "--dir", str(folder), status=2)["error"]["message"]
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
    assert modes["master.key"] == modes["root.key.pem"] == modes["key.sealed"] == modes["root.passphrase"] == 0o600
    assert b"ENCRYPTED" in (folder / "offline" / "root.key.pem").read_bytes()


def test_a_ca_that_nobody_elsewhere_reaches_is_made_with_a_warning(tmp_path: Path) -> None:
    argv = [
        str(ROOT / ".venv/bin/evercert"),
        "ca",
        "init",
        "--issuer-key",
        "ec384",
        "--url",
        "https://ca.corp.test:8443",
    ]
    told = [
        subprocess.run([*argv, "--dir", str(tmp_path / each), *more], capture_output=True, text=True, check=True)
        for each, more in (("a", ()), ("b", ("--listen", "0.0.0.0:8443")))
    ]
    assert "it listens on 127.0.0.1:8443 alone" in told[0].stderr
    assert told[1].stderr == ""
    assert told[1].stdout.endswith(f"next: evercert ca serve --dir {tmp_path / 'b'}\n")


def test_external_accounts_are_handed_out_and_taken_back(folder: Path) -> None:
    at = ("--dir", str(folder))
    out = run("eab", "add", *at, "--label", "builders", "--name", ".corp.test", "--authorize", "--expires", "30d")
    (shown,) = run("eab", "list", *at)
    assert (shown["kid"], shown["label"], shown["uses"]) == (out["kid"], "builders", 0)
    assert out["hmac_key"] not in json.dumps(shown)
    run("eab", "revoke", out["kid"], *at)
    assert run("eab", "revoke", out["kid"], *at, status=3)["error"]["code"] == "not-found"
    assert run("eab", "add", *at, "--expires", "soon", status=2)["error"]["code"] == "bad-input"


def test_what_there_is_is_shown(folder: Path) -> None:
    at = ("--dir", str(folder))
    assert run("list", *at) == []
    assert run("stats", *at)["certificates"] == []
    assert {"default", "shortlived"} <= {each["name"] for each in run("profile", "list", *at)}
    assert run("profile", "show", "default", *at)["name"] == "default"
    assert run("incident", "list", *at) == []
    assert run("show", "abcdef01", *at, status=3)["error"]["code"] == "not-found"


def test_a_profile_is_shown_as_it_is_written(folder: Path) -> None:
    shown = said("profile", "show", "shortlived", "--dir", str(folder))
    lines = dict(line.split(maxsplit=1) for line in shown.splitlines())
    wanted = {"life": "160h", "max_life": "-", "backdate": "1h", "crl": "false", "ekus": "serverAuth", "uri": "-"}
    assert {key: lines[key] for key in wanted} == wanted
    assert "shortlived  160h  serverAuth" in said("profile", "list", "--dir", str(folder))


def test_what_is_neither_a_serial_number_nor_a_known_ca_is_called_so(folder: Path) -> None:
    error = run("show", "abc", "--dir", str(folder), status=3)["error"]
    assert error["message"].startswith("'abc' is neither a serial number")


def test_the_audit_is_proved(folder: Path) -> None:
    at = ("--dir", str(folder))
    run("eab", "add", *at)
    proved = run("audit", "verify", *at)
    assert proved["records"] >= 1
    known = ("--number", str(proved["id"]), "--hash", proved["hash"])
    assert run("audit", "verify", *at, *known) == proved
    assert run("audit", "verify", *at, "--number", "1", "--hash", "0", status=9)["error"]["code"] == "store"
    assert run("audit", "list", *at)[0]["kind"] == "eab handed out"


def test_the_audit_is_shown_in_words(folder: Path) -> None:
    at = ("--dir", str(folder))
    out = run("eab", "add", *at, "--label", "two", "--name", ".corp.test", "--name", "a.test", "--authorize")
    line = next(line for line in said("audit", "list", *at).splitlines() if out["kid"] in line)
    assert "authorizes=yes" in line
    assert "names=.corp.test,a.test" in line
    assert "reusable=no" in line
    assert not set("[]'") & set(line)


def test_without_a_ca_the_known_ones_are_shown(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path))
    assert "letsencrypt" in {each["id"] for each in run("list", *home)}
    assert run("show", "letsencrypt", *home)["id"] == "letsencrypt"
    assert run("serve", *home, status=3)["error"]["hint"] == "make one: evercert ca init"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("urll = 1", "urll"),
        ('url = "https://ca.test/path"', "url"),
        ('url = "https://ca.test"\nlisten = 7', "listen"),
        ('url = "https://ca.test"\n[limits.orders]\ncount = 1\nper = "1h"', "limits.orders"),
        ('url = "https://ca.test"\n[limits.orders-per-account]\ncount = 1\nper = "soon"', "per"),
        ('url = "https://ca.test"\n[validation]\nallow = ["everything"]', "everything"),
        ('url = "https://ca.test"\n[validation]\ncaa = "maybe"', "caa"),
        ("url = ", "not TOML"),
    ],
)
def test_a_mistake_in_the_settings_is_named_and_nothing_is_served(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "ca.toml").write_text(text)
    assert word in run("serve", "--dir", str(tmp_path), status=2)["error"]["message"]
