"""Leaf certificates: every shape that we issue, as other programs read and verify it."""

from __future__ import annotations

import ipaddress
import random
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.verification import PolicyBuilder, Store
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier, parse_identifiers
from evercert.pki.cert import certificate_pem, read_certificate
from evercert.pki.chain import check_issued
from evercert.pki.issuing import (
    EKUS,
    HardwareModule,
    PermanentIdentifier,
    certs_only,
    new_serial,
    sign,
    signed,
    to_be_signed,
)
from evercert.pki.keys import KeyType
from evercert.pki.lint.leaf import lint_leaf
from evercert.pki.signer import Signer
from tests.pki.hierarchies import KEY_TYPES, NOW, hierarchy, key_of, leaf_of
from tests.pki.linting import assert_clean, findings_of

_KEY = key_of(KeyType.EC256)

# The library verifies no chain that Ed25519 signed, as the CA/Browser Forum knows none; OpenSSL does.
_VERIFIED_BY_LIBRARY = [each for each in KEY_TYPES if each is not KeyType.ED25519]
_VERIFIED_BY_OPENSSL = [each for each in KEY_TYPES if not each.value.startswith("mldsa")]


def extension_in(der: bytes, kind: type[Any]) -> Any:
    return x509.load_der_x509_certificate(der).extensions.get_extension_for_class(kind)


@pytest.mark.parametrize("leaf_type", KEY_TYPES, ids=lambda each: each.value)
def test_a_leaf_of_each_key_type_is_clean(leaf_type: KeyType) -> None:
    issuing, key = hierarchy().issuing, key_of(leaf_type)
    der = sign(leaf_of(key), issuing)
    assert_clean(der, issuing.certificate)
    assert read_certificate(der).spki == key.spki


@pytest.mark.parametrize("issuer_type", KEY_TYPES, ids=lambda each: each.value)
def test_a_hierarchy_of_each_key_type_is_clean_and_in_order(issuer_type: KeyType) -> None:
    made = hierarchy(issuer_type)
    leaf = leaf_of(_KEY)
    der = sign(leaf, made.issuing)
    assert_clean(der, made.issuing.certificate)
    assert_clean(made.issuing.certificate, made.root.certificate)
    assert_clean(made.root.certificate, made.root.certificate)
    check_issued([der, *made.chain], _KEY.spki, leaf.identifiers, NOW)


@pytest.mark.parametrize("issuer_type", _VERIFIED_BY_LIBRARY, ids=lambda each: each.value)
def test_the_library_verifies_a_chain(issuer_type: KeyType) -> None:
    made = hierarchy(issuer_type)
    der = sign(leaf_of(_KEY, ekus=("serverAuth", "clientAuth")), made.issuing)
    root, issuing, leaf = (x509.load_der_x509_certificate(each) for each in (*made.chain[::-1], der))
    policy = PolicyBuilder().store(Store([root])).time(NOW)
    chain = policy.build_server_verifier(x509.DNSName("www.example.test")).verify(leaf, [issuing])
    assert chain == [leaf, issuing, root]
    assert policy.build_client_verifier().verify(leaf, [issuing]).chain == chain


@pytest.mark.parametrize("issuer_type", _VERIFIED_BY_OPENSSL, ids=lambda each: each.value)
def test_openssl_verifies_a_chain_strictly(issuer_type: KeyType, tmp_path: Path) -> None:
    made = hierarchy(issuer_type)
    files = {"leaf": sign(leaf_of(_KEY), made.issuing), "issuing": made.chain[0], "root": made.chain[1]}
    for file, der in files.items():
        (tmp_path / file).write_text(certificate_pem(der))
    argv = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-attime", str(int(NOW.timestamp()))]
    argv += ["-verify_hostname", "www.example.test", "-CAfile", "root", "-untrusted", "issuing", "leaf"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "leaf: OK\n"), done.stderr


_SHAPES: dict[str, dict[str, Any]] = {
    "names": {},
    "wildcard": {"identifiers": parse_identifiers(("*.example.test", "localhost", "2001:db8::1"))},
    "short host": {"crl_urls": ("http://ca:8080/1.crl",), "issuer_urls": ("http://ca/issuing.crt",)},
    "subject": {"subject": (("C", "DE"), ("O", "Example"), ("OU", "Edge"), ("CN", "www.example.test"))},
    "mutual": {"ekus": ("serverAuth", "clientAuth"), "ocsp_urls": ("http://ocsp.test/",)},
    "spiffe": {"identifiers": (), "uris": ("spiffe://example.test/ns/prod/sa/web",), "ekus": ("clientAuth",)},
    "email": {"identifiers": (), "emails": ("someone@example.test",), "ekus": ("emailProtection",)},
    "code": {"identifiers": (), "subject": (("CN", "Build"),), "ekus": ("codeSigning",)},
    "device": {
        "identifiers": (),
        "permanent_identifiers": (PermanentIdentifier("SN-1", "1.3.6.1.4.1.32473.1"), PermanentIdentifier("SN-2")),
        "hardware_modules": (HardwareModule("1.3.6.1.4.1.32473.2", b"\x00\xff"),),
        "ekus": ("clientAuth",),
    },
    "stapled": {"must_staple": True, "policies": ("2.23.140.1.2.1", "1.3.6.1.4.1.32473.3")},
    "own usage": {"ekus": ("serverAuth", "1.3.6.1.4.1.32473.4")},
    "bare": {"crl_urls": (), "issuer_urls": ()},
    "any use": {"ekus": ()},
    "far": {"not_after": datetime(2050, 1, 1, tzinfo=UTC)},
}


@pytest.mark.parametrize("shape", _SHAPES.values(), ids=_SHAPES)
def test_every_shape_is_clean(shape: dict[str, Any]) -> None:
    issuing = hierarchy().issuing
    assert_clean(sign(leaf_of(_KEY, **shape), issuing), issuing.certificate)


def test_only_an_rsa_key_says_that_it_enciphers_keys_and_only_if_asked() -> None:
    issuing, key = hierarchy().issuing, key_of(KeyType.RSA2048)
    der = sign(leaf_of(key, key_encipherment=True), issuing)
    assert_clean(der, issuing.certificate)
    assert extension_in(der, x509.KeyUsage).value.key_encipherment
    assert not extension_in(sign(leaf_of(key), issuing), x509.KeyUsage).value.key_encipherment


def test_what_was_asked_for_stands_in_the_certificate() -> None:
    issuing = hierarchy().issuing
    leaf = leaf_of(_KEY, "a.example.test", "*.b.example.test", "192.0.2.1", "2001:db8::1", serial=0xABCDEF << 100)
    certificate = x509.load_der_x509_certificate(sign(leaf, issuing))
    names = extension_in(sign(leaf, issuing), x509.SubjectAlternativeName).value
    assert list(names) == [
        x509.DNSName("a.example.test"),
        x509.DNSName("*.b.example.test"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
        x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
    ]
    assert certificate.serial_number == leaf.serial
    assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (leaf.not_before, leaf.not_after)
    assert certificate.issuer.public_bytes() == issuing.subject
    assert list(certificate.subject) == []


def test_the_names_are_critical_only_without_a_subject() -> None:
    issuing = hierarchy().issuing
    for subject in ((), (("CN", "www.example.test"),)):
        der = sign(leaf_of(_KEY, subject=subject), issuing)
        assert extension_in(der, x509.SubjectAlternativeName).critical is (subject == ())


def test_other_names_are_those_of_rfc_4043_and_rfc_4108() -> None:
    der = sign(leaf_of(_KEY, **_SHAPES["device"]), hierarchy().issuing)
    first, second, module = extension_in(der, x509.SubjectAlternativeName).value
    assert (first.type_id.dotted_string, first.value.hex()) == (
        "1.3.6.1.5.5.7.8.3",
        "3011" + "0c04" + b"SN-1".hex() + "06092b0601040181fd5901",
    )
    assert second.value.hex() == "3006" + "0c04" + b"SN-2".hex()
    assert (module.type_id.dotted_string, module.value[-4:].hex()) == ("1.3.6.1.5.5.7.8.4", "040200ff")


def test_what_is_signed_is_what_was_looked_at() -> None:
    issuing = hierarchy().issuing
    tbs = to_be_signed(leaf_of(_KEY), issuing)
    assert x509.load_der_x509_certificate(signed(tbs, issuing)).tbs_certificate_bytes == tbs


def test_a_moment_counts_to_the_second() -> None:
    leaf = leaf_of(_KEY, not_after=NOW + timedelta(days=1, microseconds=999_999))
    assert read_certificate(sign(leaf, hierarchy().issuing)).not_after == NOW + timedelta(days=1)


def test_serial_numbers_have_128_bits_of_chance_and_a_constant_length() -> None:
    rng = random.Random(1)
    serials = [new_serial(rng) for _ in range(1000)]
    assert len(set(serials)) == 1000
    assert {serial.bit_length() for serial in serials} == {129}
    chance = [serial & (1 << 128) - 1 for serial in serials]
    assert all(300 < sum(number >> bit & 1 for number in chance) < 700 for bit in range(128))


@pytest.mark.parametrize(
    "wrong",
    [
        {"ekus": ("serverauth",)},
        {"subject": (("CN", "x" * 65),)},
        {"subject": (("nonsense", "x"),)},
        {"subject": (("CN", ""),)},
        {"uris": ("spiffe://exämple.test/",)},
        {"permanent_identifiers": (PermanentIdentifier("x", "1.2.-3"),)},
        {"hardware_modules": (HardwareModule("3.1", b""),)},
        {"policies": ("x",)},
        {"crl_urls": ("http://ä.test",)},
        {"spki": b"\x30\x00"},
    ],
    ids=str,
)
def test_what_has_no_encoding_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(EvercertError) as raised:
        to_be_signed(leaf_of(_KEY, **wrong), hierarchy().issuing)
    assert raised.value.code.name in {"bad-input", "bad-key"}


def test_a_signer_is_refused_the_key_of_another() -> None:
    made = hierarchy()
    with pytest.raises(EvercertError, match="another key"):
        Signer(made.issuing.certificate, made.root.key)
    assert repr(made.issuing) == "Signer('Test Issuing ec256')"


def test_a_chain_goes_out_as_pkcs_7(tmp_path: Path) -> None:
    made = hierarchy()
    chain = [sign(leaf_of(_KEY), made.issuing), *made.chain]
    message = certs_only(chain)
    assert {each.public_bytes(Encoding.DER) for each in pkcs7.load_der_pkcs7_certificates(message)} == set(chain)
    argv = ["openssl", "pkcs7", "-inform", "DER", "-print_certs", "-noout"]
    printed = subprocess.run(argv, input=message, check=True, capture_output=True, timeout=30).stdout
    assert printed.count(b"subject=") == 3


def test_every_named_usage_is_one() -> None:
    for name, oid in EKUS.items():
        der = sign(leaf_of(_KEY, ekus=(name,)), hierarchy().issuing)
        assert list(extension_in(der, x509.ExtendedKeyUsage).value) == [oid]


_TEXT = st.text(max_size=70)


@given(
    st.lists(_TEXT, max_size=3),
    st.lists(_TEXT, max_size=3),
    st.lists(st.tuples(st.sampled_from(["CN", "O", "C", "serialNumber", "DC", "1.2.3"]), _TEXT), max_size=3),
    st.lists(st.builds(PermanentIdentifier, _TEXT, st.sampled_from(["", "1.2.3", "x"])), max_size=2),
    st.lists(st.builds(HardwareModule, st.sampled_from(["1.2.3", ""]), st.binary(max_size=20)), max_size=2),
)
def test_whatever_a_leaf_is_asked_to_hold_is_refused_or_found_or_read_back(
    uris: list[str],
    emails: list[str],
    subject: list[tuple[str, str]],
    permanent: list[PermanentIdentifier],
    modules: list[HardwareModule],
) -> None:
    issuing = hierarchy().issuing
    leaf = leaf_of(
        _KEY,
        uris=tuple(uris),
        emails=tuple(emails),
        subject=tuple(subject),
        permanent_identifiers=tuple(permanent),
        hardware_modules=tuple(modules),
    )
    try:
        tbs = to_be_signed(leaf, issuing)
    except EvercertError as error:
        assert error.code.name == "bad-input"  # noqa: PT017  # either is right; a certificate that nobody reads is not
        return
    if lint_leaf(tbs, issuing):
        return
    names = extension_in(signed(tbs, issuing), x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == uris
    assert names.get_values_for_type(x509.RFC822Name) == emails
    assert len(names.get_values_for_type(x509.OtherName)) == len(permanent) + len(modules)


@pytest.mark.parametrize("name", ["*.*.test", "-a.test", "a b", "a..test"])
def test_the_stranger_still_finds_a_name_that_is_none(name: str) -> None:
    assert findings_of(sign(leaf_of(_KEY, identifiers=(Identifier("dns", name),)), hierarchy().issuing))


@pytest.mark.parametrize("url", ["ldap:x", "http://a b/", "http:/x", "http://-a/"])
def test_the_stranger_still_finds_a_url_that_is_none(url: str) -> None:
    assert findings_of(sign(leaf_of(_KEY, crl_urls=(url,)), hierarchy().issuing))
