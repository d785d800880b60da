"""Extensions that no reader of ours may fall over: from outside come octets, and the library raises many things."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifier
from evercert.pki import der
from evercert.pki.alpn_certificate import acme_identifier_of
from evercert.pki.attestation.attested import reading
from evercert.pki.cert import parsed, read_certificate
from evercert.pki.csr import read_csr
from evercert.pki.hierarchy import cross_sign
from evercert.pki.keys import KeyType
from evercert.pki.lint.leaf import lint_leaf
from evercert.pki.request import read_request
from evercert.pki.tbs import assemble, extension, name_der, with_signature
from tests.pki.authority import name_of
from tests.pki.hierarchies import NOW, YEAR, hierarchy, key_of

_KEY = key_of(KeyType.EC256)
_ISSUING = hierarchy().issuing

_SAN, _TLS_FEATURE = x509.SubjectAlternativeName.oid.dotted_string, x509.TLSFeature.oid.dotted_string
_GENERAL = x509.SubjectAlternativeName(
    [
        x509.DNSName("a.test"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
        x509.UniformResourceIdentifier("spiffe://a.test/"),
        x509.RFC822Name("a@b.test"),
        x509.DirectoryName(name_of("x")),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), der.NULL),
    ]
)
_READABLE: list[x509.ExtensionType] = [
    _GENERAL,
    x509.TLSFeature([x509.TLSFeatureType.status_request]),
    x509.BasicConstraints(True, 1),
    x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]),
    x509.AuthorityKeyIdentifier(b"key", [x509.DirectoryName(name_of("x"))], 5),
    x509.NameConstraints([x509.DNSName("a.test")], [x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))]),
    x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), ["http://a.test/"])]),
    x509.CRLDistributionPoints([x509.DistributionPoint([x509.DNSName("a.test")], None, None, None)]),
]


def tbs_with(*extensions: bytes) -> bytes:
    return assemble(
        serial=1 << 128,
        algorithm=_ISSUING.algorithm,
        issuer=_ISSUING.subject,
        not_before=NOW,
        not_after=NOW + YEAR,
        subject=name_der((("CN", "a.test"),)),
        spki=_KEY.spki,
        extensions=extensions,
    )


def certificate_with(dotted: str, value: bytes) -> bytes:
    return with_signature(tbs_with(extension(dotted, value)), _ISSUING.algorithm, b"")


def request_with(dotted: str, value: bytes) -> bytes:
    held = x509.UnrecognizedExtension(x509.ObjectIdentifier(dotted), value)
    builder = x509.CertificateSigningRequestBuilder().subject_name(name_of("a.test")).add_extension(held, False)
    return builder.sign(_KEY.crypto, _KEY.digest).public_bytes(Encoding.DER)


def attested(certificate: bytes) -> None:
    with reading("a certificate"):
        list(parsed(certificate).extensions)


_OF_CERTIFICATES: dict[str, Callable[[bytes], object]] = {
    "read_certificate": read_certificate,
    "acme_identifier_of": lambda data: acme_identifier_of(data, parse_identifier("a.test")),
    "attestation": attested,
    "cross_sign": lambda data: cross_sign(data, _ISSUING, serial=1, not_before=NOW, not_after=NOW + timedelta(days=1)),
}
_OF_REQUESTS: dict[str, Callable[[bytes], object]] = {"read_csr": read_csr, "read_request": read_request}

_STRANGE: dict[str, tuple[str, bytes]] = {
    "a TLS feature of no name": (_TLS_FEATURE, der.sequence(der.integer(4))),
    "an x400Address": (_SAN, der.sequence(der.constructed(0xA3, der.NULL))),
    "an ediPartyName": (_SAN, der.sequence(der.constructed(0xA5, der.NULL))),
    "a name of bits": (
        _SAN,
        der.sequence(
            der.constructed(0xA4, der.sequence(der.constructed(0x31, der.sequence(der.oid("2.5.4.3"), der.bits(b"x")))))
        ),
    ),
    "nothing": (_SAN, b""),
    "an address of three octets": (_SAN, der.sequence(der.primitive(0x87, b"abc"))),
    "a name that is no text": (_SAN, der.sequence(der.primitive(0x82, b"\xff\xfe"))),
}


def refuse_or_read(read: Callable[[bytes], object], data: bytes) -> None:
    try:
        read(data)
    except EvercertError as error:
        assert error.code.name != "internal"  # noqa: PT017  # either is right; anything else stops us from outside


@pytest.mark.parametrize("strange", _STRANGE.values(), ids=_STRANGE)
@pytest.mark.parametrize("read", _OF_CERTIFICATES.values(), ids=_OF_CERTIFICATES)
def test_a_strange_certificate_is_refused_or_read(read: Callable[[bytes], object], strange: tuple[str, bytes]) -> None:
    refuse_or_read(read, certificate_with(*strange))


@pytest.mark.parametrize("strange", _STRANGE.values(), ids=_STRANGE)
@pytest.mark.parametrize("read", _OF_REQUESTS.values(), ids=_OF_REQUESTS)
def test_a_strange_request_is_refused_or_read(read: Callable[[bytes], object], strange: tuple[str, bytes]) -> None:
    refuse_or_read(read, request_with(*strange))


@pytest.mark.parametrize("strange", _STRANGE.values(), ids=_STRANGE)
def test_a_strange_extension_does_not_pass_the_lint(strange: tuple[str, bytes]) -> None:
    assert lint_leaf(tbs_with(extension(*strange)), _ISSUING)


_VALUES = [(each.oid.dotted_string, each.public_bytes()) for each in _READABLE]


@given(
    st.sampled_from(_VALUES),
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from([0, 1, 2, 4, 0x30, 0x7F, 0x80, 0xA0, 0xA3, 0xFF])), max_size=3
    ),
)
def test_a_damaged_extension_is_refused_or_read(value: tuple[str, bytes], damages: list[tuple[int, int]]) -> None:
    dotted, damaged = value[0], bytearray(value[1])
    for place, octet in damages:
        damaged[place % len(damaged)] = octet
    for read in _OF_CERTIFICATES.values():
        refuse_or_read(read, certificate_with(dotted, bytes(damaged)))
    for read in _OF_REQUESTS.values():
        refuse_or_read(read, request_with(dotted, bytes(damaged)))
    lint_leaf(tbs_with(extension(dotted, bytes(damaged))), _ISSUING)
