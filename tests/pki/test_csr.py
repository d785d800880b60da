"""Requests: what is built is what OpenSSL reads, and what is read was signed by its own key."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.pki.csr import build_csr, read_csr, spki_of
from evercert.pki.keys import KeyType, PrivateKey, generate
from tests.pki.authority import name_of

_NAMES = parse_identifiers(("example.test", "*.example.test", "192.0.2.1", "2001:db8::1"))


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    return generate(KeyType.EC256)


def signed(key: PrivateKey, *names: x509.GeneralName, subject: str = "") -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(name_of(subject))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key.crypto, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("key_type", [KeyType.EC256, KeyType.EC521, KeyType.RSA2048, KeyType.ED25519, KeyType.MLDSA65])
def test_a_request_that_was_built_says_what_it_was_built_from(key_type: KeyType) -> None:
    key = generate(key_type)
    view = read_csr(build_csr(key, _NAMES))
    assert (view.identifiers, view.spki, view.must_staple) == (_NAMES, key.spki, False)
    assert spki_of(view.der) == key.spki


def test_must_staple_is_asked_for_only_where_it_is_wanted(key: PrivateKey) -> None:
    assert read_csr(build_csr(key, _NAMES, must_staple=True)).must_staple


def test_pem_and_der_are_the_same_request(key: PrivateKey) -> None:
    der = build_csr(key, _NAMES)
    pem = x509.load_der_x509_csr(der).public_bytes(Encoding.PEM)
    assert read_csr(b"\n  " + pem) == read_csr(der)


def test_openssl_verifies_the_request_and_sees_its_names(key: PrivateKey, tmp_path: Path) -> None:
    file = tmp_path / "csr.der"
    file.write_bytes(build_csr(key, _NAMES, must_staple=True))
    argv: list[str | Path] = ["openssl", "req", "-in", file, "-inform", "DER", "-verify", "-noout", "-text"]
    seen = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout
    assert "DNS:example.test, DNS:*.example.test, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1" in seen
    assert "status_request" in seen
    assert "Subject: \n" in seen


def test_a_request_from_before_alternative_names_is_for_its_common_name(key: PrivateKey) -> None:
    assert read_csr(signed(key, subject="old.test")).identifiers == parse_identifiers(("old.test",))


def test_a_common_name_beside_alternative_names_does_not_count(key: PrivateKey) -> None:
    request = signed(key, x509.DNSName("new.test"), subject="old.test")
    assert read_csr(request).identifiers == parse_identifiers(("new.test",))


@pytest.mark.parametrize(
    "name",
    [
        x509.RFC822Name("a@example.test"),
        x509.UniformResourceIdentifier("https://example.test"),
        x509.DNSName("under_score.test"),
        x509.DNSName("good.test\0.bad.test"),
        x509.DNSName(""),
    ],
)
def test_a_name_that_no_ca_issues_for_is_refused_and_not_passed_over(key: PrivateKey, name: x509.GeneralName) -> None:
    with pytest.raises(EvercertError) as raised:
        read_csr(signed(key, x509.DNSName("good.test"), name))
    assert raised.value.code.name == "bad-name"
    assert str(raised.value).isprintable()


def test_a_request_signed_by_another_key_is_refused(key: PrivateKey) -> None:
    request = bytearray(build_csr(key, _NAMES))
    place = request.find(b"example")
    request[place] ^= 1
    with pytest.raises(EvercertError, match="not by its own key"):
        read_csr(bytes(request))


def test_a_file_that_is_too_large_is_not_parsed() -> None:
    with pytest.raises(EvercertError, match="65536"):
        read_csr(b"\x30" * 70_000)


@given(st.binary(max_size=300))
def test_nothing_but_bad_input_comes_of_any_octets(data: bytes) -> None:
    for text in (data, b"-----BEGIN CERTIFICATE REQUEST-----\n" + data):
        with pytest.raises(EvercertError) as raised:
            read_csr(text)
        assert raised.value.code.name == "bad-input"
