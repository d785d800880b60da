"""A CA that is really served: what it has revoked is told over plain http by its own URLs, seconds later."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import AuthorityInformationAccessOID as Access

from evercert.acme.client import AsyncClient
from evercert.acme.jose import ExternalAccount
from evercert.base.clock import SystemClock
from evercert.base.names import parse_identifiers
from evercert.base.secret import Secret
from evercert.net.http import HttpSettings, HttpTransport
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, generate
from tests.peers.evercert_ca import PROGRAM, EvercertCa
from tests.peers.ports import free_port
from tests.pki.linting import assert_clean, assert_crl_clean

SETTINGS = "[crl]\npartitions = 2\n"


@pytest.fixture
def ca(tmp_path: Path) -> Iterator[EvercertCa]:
    port, made = free_port(), EvercertCa(tmp_path / "ca", settings=SETTINGS)
    file = made.folder / "ca.toml"
    plain = f'plain_listen = ["127.0.0.1:{port}"]\nplain_url = "http://127.0.0.1:{port}"\n'
    file.write_text(plain + file.read_text())
    with made:
        yield made


async def test_what_is_revoked_is_told_by_the_urls_in_the_certificate(ca: EvercertCa, tmp_path: Path) -> None:
    leaf, issuer = await certified(ca, "www.corp.test")
    assert_clean(leaf.public_bytes(Encoding.DER), issuer.public_bytes(Encoding.DER))
    (tmp_path / "leaf").write_bytes(leaf.public_bytes(Encoding.PEM))
    (tmp_path / "issuer").write_bytes(issuer.public_bytes(Encoding.PEM))
    (tmp_path / "chain").write_bytes((tmp_path / "issuer").read_bytes() + ca.root_file.read_bytes())
    assert get(access(leaf, Access.CA_ISSUERS)) == issuer.public_bytes(Encoding.DER)
    assert "leaf: good" in asked(tmp_path, leaf)
    assert "leaf: OK" in verified(tmp_path, leaf)

    run(ca, "revoke", f"{leaf.serial_number:x}", "--reason", "keyCompromise", "--yes")
    said = asked(tmp_path, leaf)
    assert "leaf: revoked" in said
    assert "Reason: keyCompromise" in said
    until, found = time.monotonic() + 60, get(list_url(leaf))
    while x509.load_der_x509_crl(found).get_revoked_certificate_by_serial_number(leaf.serial_number) is None:
        assert time.monotonic() < until, "a revocation is on its list within seconds"
        time.sleep(0.2)
        found = get(list_url(leaf))
    assert_crl_clean(found)
    assert "certificate revoked" in verified(tmp_path, leaf)
    assert {each["entries"] for each in run(ca, "crl", "list")} == {0, 1}


async def test_there_is_no_acme_without_tls(ca: EvercertCa) -> None:
    leaf, _ = await certified(ca, "www.corp.test")
    plain = list_url(leaf).partition("/crl/")[0]
    assert get(f"{plain}/roots.pem") == ca.root_file.read_bytes()
    with pytest.raises(HTTPError, match="404"):
        get(f"{plain}/acme/directory")


async def certified(ca: EvercertCa, name: str) -> list[x509.Certificate]:
    """The leaf and its issuer."""
    key = generate(KeyType.EC256)
    out = run(ca, "eab", "add", "--authorize", "--name", name)
    transport, clock = (
        HttpTransport(HttpSettings(roots=ca.root_file, use_system_roots=False), SystemClock()),
        SystemClock(),
    )
    try:
        client = AsyncClient(ca.directory, generate(KeyType.EC256), transport, clock)
        await client.new_account([], terms_agreed=True, eab=ExternalAccount(out["kid"], Secret(out["hmac_key"])))
        identifiers = parse_identifiers((name,))
        order = await client.finalize(await client.new_order(identifiers), build_csr(key, identifiers), 30)
        return [x509.load_der_x509_certificate(each) for each in (await client.chains(order))[0]]
    finally:
        await transport.close()


def run(ca: EvercertCa, *words: str) -> Any:
    argv: list[str | Path] = [PROGRAM, "ca", *words, "--dir", ca.folder, "--json"]
    return json.loads(subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout)


def get(url: str) -> bytes:
    with urlopen(url, timeout=10) as answer:
        read: bytes = answer.read()
        return read


def access(leaf: x509.Certificate, method: x509.ObjectIdentifier) -> str:
    places = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    (url,) = (each.access_location.value for each in places if each.access_method == method)
    return str(url)


def list_url(leaf: x509.Certificate) -> str:
    (point,) = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    (name,) = point.full_name or ()
    return str(name.value)


def asked(folder: Path, leaf: x509.Certificate) -> str:
    """What OpenSSL hears of the responder that the certificate names."""
    argv = ["-issuer", "issuer", "-cert", "leaf", "-CAfile", "chain", "-url", access(leaf, Access.OCSP)]
    said = openssl(folder, "ocsp", *argv)
    assert "Response verify OK" in said
    return said


def verified(folder: Path, leaf: x509.Certificate) -> str:
    """What OpenSSL says of it by the list that it names."""
    found = x509.load_der_x509_crl(get(list_url(leaf)))
    (folder / "crl").write_bytes(found.public_bytes(Encoding.PEM))
    return openssl(folder, "verify", "-crl_check", "-extended_crl", "-CAfile", "chain", "-CRLfile", "crl", "leaf")


def openssl(folder: Path, *argv: str) -> str:
    done = subprocess.run(["openssl", *argv], cwd=folder, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr
