"""Certificates: read, made for tls-alpn-01, and hostile ones."""

from __future__ import annotations

import ipaddress
import os
import subprocess
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifier, parse_identifiers
from evercert.pki.cert import certificate_pem, read_certificate, self_signed, self_signed_server
from evercert.pki.chain import split_pem
from evercert.pki.keys import KeyType, PrivateKey, generate
from tests.pki.authority import NOW, Authority, name_of

_CA = Authority()
_KEY = generate(KeyType.EC256)


def aki(identifier: bytes | None) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier(identifier, None, None)


def test_a_certificate_says_what_was_issued() -> None:
    der = _CA.issue(_KEY, "b.test", "a.test", name=name_of("b.test"), serial=0xAB12, extensions=[aki(b"key")])
    view = read_certificate(der)
    assert view.identifiers == parse_identifiers(("b.test", "a.test"))
    assert (view.serial, view.issuer, view.subject, view.aki) == ("ab12", "Test CA", "b.test", b"key")
    assert (view.not_before, view.not_after) == (NOW - timedelta(hours=1), NOW + timedelta(days=6, hours=-1))
    assert (view.der, view.fingerprint, view.spki) == (der, sha256(der).hexdigest(), _KEY.spki)
    assert not view.is_ca
    assert read_certificate(_CA.der).is_ca


def test_the_ari_id_is_that_of_rfc_9773_section_4_1() -> None:
    identifier = bytes.fromhex("69885b6b87464041e1b37b847ba0ae2cde01c8d4")
    der = _CA.issue(_KEY, "example.test", serial=0x87654321, extensions=[aki(identifier)])
    assert read_certificate(der).ari_id == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


def test_a_serial_without_a_leading_zero_has_none_in_the_ari_id() -> None:
    der = _CA.issue(_KEY, serial=0x7F, extensions=[aki(b"\0")])
    assert read_certificate(der).ari_id == "AA.fw"


@pytest.mark.parametrize("extensions", [[], [aki(None)]])
def test_a_certificate_whose_issuers_key_is_not_named_has_no_ari_id(extensions: list[x509.ExtensionType]) -> None:
    view = read_certificate(_CA.issue(_KEY, "example.test", extensions=extensions))
    assert (view.aki, view.ari_id) == (b"", "")


def test_an_issuer_without_a_common_name_is_called_by_its_organization() -> None:
    ca = Authority()
    ca.name = name_of("Some Org", x509.NameOID.ORGANIZATION_NAME)
    assert read_certificate(ca.issue(_KEY)).issuer == "Some Org"
    ca.name = name_of("CA", x509.NameOID.COUNTRY_NAME)
    assert read_certificate(ca.issue(_KEY)).issuer == "C=CA"


def test_a_name_that_would_write_to_the_terminal_is_made_harmless() -> None:
    assert read_certificate(_CA.issue(_KEY, name=name_of("a\x1b[2Jb\nc"))).subject == "a [2Jb c"


def test_names_that_are_no_identifiers_are_passed_over() -> None:
    names = x509.SubjectAlternativeName(
        [x509.RFC822Name("a@b.test"), x509.DNSName("a\0b.test"), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]
    )
    assert read_certificate(_CA.issue(_KEY, extensions=[names])).identifiers == parse_identifiers(("192.0.2.1",))


def test_pem_is_what_openssl_writes(tmp_path: Path) -> None:
    der = _CA.issue(_KEY, "example.test")
    file = tmp_path / "cert.der"
    file.write_bytes(der)
    argv: list[str | Path] = ["openssl", "x509", "-in", file, "-inform", "DER"]
    assert certificate_pem(der) == subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout


@pytest.mark.parametrize("name", ["example.test", "192.0.2.1", "2001:db8::1"])
def test_the_certificate_for_tls_alpn_01_is_that_of_rfc_8737(name: str) -> None:
    digest = os.urandom(32)
    pem, key_pem = self_signed(parse_identifier(name), digest)
    certificate = x509.load_pem_x509_certificate(pem.encode())
    extension = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31"))
    assert extension.critical
    assert isinstance(extension.value, x509.UnrecognizedExtension)
    assert extension.value.value == bytes([4, 32]) + digest
    assert read_certificate(certificate.public_bytes(Encoding.DER)).identifiers == (parse_identifier(name),)
    certificate.verify_directly_issued_by(certificate)
    key = load_pem_private_key(key_pem.reveal(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == certificate.public_key()


def test_each_certificate_for_tls_alpn_01_has_a_key_of_its_own() -> None:
    name = parse_identifier("example.test")
    assert self_signed(name, bytes(32))[1] != self_signed(name, bytes(32))[1]


def test_a_placeholder_lives_thirty_days_from_now() -> None:
    [der] = split_pem(self_signed_server(parse_identifiers(("example.test", "::1")), NOW)[0].encode())
    view = read_certificate(der)
    assert (view.not_before, view.not_after) == (NOW, NOW + timedelta(days=30))
    assert view.identifiers == parse_identifiers(("example.test", "::1"))


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x30" * 300_000])
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(EvercertError) as raised:
        read_certificate(data)
    assert raised.value.code.name == "bad-certificate"


_DER = _CA.issue(
    PrivateKey(ec.derive_private_key(7, ec.SECP256R1())),
    "example.test",
    "www.example.test",
    name=name_of("example.test"),
    serial=0x1234567890ABCDEF1234567890ABCDEF12345678,
    extensions=[aki(b"0123456789"), x509.BasicConstraints(ca=False, path_length=None)],
)


def read_or_refuse(der: bytes) -> None:
    """Either is right; anything else is a way to stop us from outside."""
    try:
        view = read_certificate(der)
    except EvercertError as error:
        assert error.code.name == "bad-certificate"  # noqa: PT017  # see above
    else:
        assert isinstance(view.not_after, datetime)
        assert view.issuer.isprintable()


@given(st.binary(max_size=300))
def test_any_octets_are_refused(data: bytes) -> None:
    read_or_refuse(data)


@given(st.lists(st.tuples(st.integers(0, len(_DER) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_certificate_is_read_or_refused(damages: list[tuple[int, int]]) -> None:
    damaged = bytearray(_DER)
    for place, octet in damages:
        damaged[place] = octet
    read_or_refuse(bytes(damaged))


@given(st.integers(0, len(_DER)), st.binary(max_size=8))
def test_a_certificate_cut_short_or_with_more_behind_is_read_or_refused(length: int, more: bytes) -> None:
    read_or_refuse(_DER[:length] + more)


@pytest.mark.parametrize("octet", [b"\xff", b"\x80"])
def test_a_negative_serial_is_refused_and_the_librarys_warning_not_shown(octet: bytes) -> None:
    place = _DER.index(b"\x02\x14") + 2
    with pytest.raises(EvercertError, match="not a certificate that can be read"):
        read_certificate(_DER[:place] + octet + _DER[place + 1 :])


def test_a_tls_feature_that_nobody_knows_is_refused() -> None:
    """The library answers with a `KeyError`."""
    feature = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.24"), bytes.fromhex("3003020133"))
    with pytest.raises(EvercertError, match="not a certificate"):
        read_certificate(_CA.issue(_KEY, extensions=[feature]))
