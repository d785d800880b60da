"""Lists of what is revoked, as operators see, make and take them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from evercert.pki.chain import split_pem
from tests.peers.program import ROOT
from tests.pki.linting import assert_crl_clean


def run(folder: Path, *words: str, status: int = 0) -> Any:
    """What the command says, as JSON."""
    argv = [str(ROOT / ".venv/bin/evercert"), "ca", *words, "--dir", str(folder), "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def made_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "ca"
    run(folder, "init")
    return folder


@pytest.fixture
def folder(made_ca: Path, tmp_path: Path) -> Path:
    """A CA that has no list yet."""
    shutil.copytree(made_ca, tmp_path / "ca")
    return tmp_path / "ca"


def test_lists_are_made_shown_and_taken_with_no_server(folder: Path, tmp_path: Path) -> None:
    assert run(folder, "crl", "list") == []
    (made,) = run(folder, "crl", "make")
    assert (made["path"], made["entries"], made["number"]) == ("/crl/issuing-1/whole.crl", 0, 1)
    assert run(folder, "crl", "list") == [made]
    (again,) = run(folder, "crl", "make")
    assert again["number"] == 2
    run(folder, "crl", "export", "issuing-1", "--der", "--out", str(tmp_path / "der"))
    der = (tmp_path / "der").read_bytes()
    assert_crl_clean(der)
    found = x509.load_der_x509_crl(der)
    issuer = x509.load_der_x509_certificate(split_pem((folder / "issuers/issuing-1/chain.pem").read_bytes())[0])
    assert found.issuer == issuer.subject
    assert x509.load_pem_x509_crl(run(folder, "crl", "export", "issuing-1")["pem"].encode()) == found
    run(folder, "crl", "export", "issuing-1", "--out", str(tmp_path / "pem"))
    assert x509.load_pem_x509_crl((tmp_path / "pem").read_bytes()) == found


def test_what_is_not_there_is_said(folder: Path) -> None:
    assert run(folder, "crl", "export", "other", status=3)["error"]["code"] == "not-found"
    run(folder, "crl", "make")
    assert run(folder, "crl", "export", "issuing-1", "--partition", "4", status=3)["error"]["code"] == "not-found"


def test_the_audit_tells_who_made_lists(folder: Path) -> None:
    run(folder, "crl", "make")
    (record,) = run(folder, "audit", "list")
    assert (record["kind"], record["body"]["lists"]) == ("lists made", ["/crl/issuing-1/whole.crl"])
    assert record["body"]["by"]
