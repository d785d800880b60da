"""The certificate of tls-alpn-01: the one that is right, and each way in which it is not."""

from __future__ import annotations

import ipaddress
import ssl
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifier
from evercert.pki.alpn_certificate import acme_identifier_of
from evercert.pki.cert import self_signed
from evercert.pki.keys import KeyType, generate
from tests.pki.authority import NOW, Authority, name_of

DIGEST = bytes(range(32))
WWW = parse_identifier("www.example.com")
KEY = generate(KeyType.EC256)
ACME = "1.3.6.1.5.5.7.1.31"


def names(*each: x509.GeneralName) -> tuple[x509.ExtensionType, bool]:
    return x509.SubjectAlternativeName(each), False


def proof(
    value: bytes = b"\x04\x20" + DIGEST, oid: str = ACME, critical: bool = True
) -> tuple[x509.ExtensionType, bool]:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), critical


def certificate(*extensions: tuple[x509.ExtensionType, bool], issuer: str = "x", signer: Any = KEY) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of("x"))
        .issuer_name(name_of(issuer))
        .public_key(KEY.crypto.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer.crypto, hashes.SHA256()).public_bytes(Encoding.DER)


def refused(der: bytes) -> str:
    with pytest.raises(EvercertError) as raised:
        acme_identifier_of(der, WWW)
    assert raised.value.code.name == "bad-certificate"
    return raised.value.message


RIGHT = names(x509.DNSName("www.example.com"))


@pytest.mark.parametrize("name", ["www.example.com", "198.41.0.4", "2001:503:ba3e::2:30"])
def test_what_our_own_responder_shows_is_right(name: str) -> None:
    identifier = parse_identifier(name)
    pem, _ = self_signed(identifier, DIGEST)
    assert acme_identifier_of(ssl.PEM_cert_to_DER_cert(pem), identifier) == DIGEST


def test_further_extensions_do_no_harm() -> None:
    more = (x509.BasicConstraints(ca=False, path_length=None), True)
    assert acme_identifier_of(certificate(RIGHT, proof(), more), WWW) == DIGEST


@pytest.mark.parametrize(
    "found",
    [
        (),
        (x509.DNSName("other.example.com"),),
        (x509.DNSName("WWW.example.com"),),
        (x509.DNSName("*.example.com"),),
        (x509.DNSName("www.example.com"), x509.DNSName("other.example.com")),
        (x509.DNSName("www.example.com"), x509.DNSName("www.example.com")),
        (x509.DNSName("www.example.com"), x509.IPAddress(ipaddress.ip_address("198.41.0.4"))),
        (x509.DNSName("www.example.com"), x509.RFC822Name("a@example.com")),
        (x509.DNSName("www.example.com"), x509.UniformResourceIdentifier("https://www.example.com")),
        (x509.RFC822Name("www.example.com"),),
    ],
)
def test_other_names_and_more_than_one_are_refused(found: tuple[x509.GeneralName, ...]) -> None:
    assert "exactly one name" in refused(certificate(names(*found), proof()))


def test_a_certificate_without_names_is_refused() -> None:
    assert "no subjectAltName" in refused(certificate(proof()))


@pytest.mark.parametrize(
    "extension",
    [
        proof(critical=False),
        proof(b""),
        proof(DIGEST),
        proof(b"\x04\x20" + DIGEST[:-1]),
        proof(b"\x04\x20" + DIGEST + b"\x00"),
        proof(b"\x04\x81\x20" + DIGEST),
        proof(b"\x05\x20" + DIGEST),
        proof(oid="1.3.6.1.5.5.7.1.30.1"),
        proof(oid="1.3.6.1.5.5.7.1.32"),
    ],
)
def test_an_extension_of_another_form_is_refused(extension: tuple[x509.ExtensionType, bool]) -> None:
    assert "acmeIdentifier" in refused(certificate(RIGHT, extension))


def test_an_extension_twice_is_refused() -> None:
    der = certificate(RIGHT, proof(), proof(oid="1.3.6.1.5.5.7.1.99"))
    twice = der.replace(
        bytes.fromhex("06082b0601050507") + b"\x01\x63", bytes.fromhex("06082b0601050507") + b"\x01\x1f"
    )
    assert twice != der
    assert "twice" in refused(twice)


def test_a_certificate_of_somebody_elses_is_refused() -> None:
    other = generate(KeyType.EC256)
    assert "signed by itself" in refused(certificate(RIGHT, proof(), signer=other))
    assert "signed by itself" in refused(certificate(RIGHT, proof(), issuer="y"))
    root = Authority()
    by_ca = root.issue(
        KEY, "www.example.com", extensions=[x509.UnrecognizedExtension(x509.ObjectIdentifier(ACME), b"")]
    )
    assert "signed by itself" in refused(by_ca)


@given(st.binary(max_size=100), st.integers(0, 400), st.integers(0, 255))
def test_any_octets_are_refused_in_words_of_ours(data: bytes, at: int, octet: int) -> None:
    refused(data)
    good = bytearray(certificate(RIGHT, proof()))
    at %= len(good)
    if good[at] != octet:
        good[at] = octet
        refused(bytes(good))
