"""A request against its order and profile (servers.md 6: CSR): what is signed is what was ordered, or nothing."""

from __future__ import annotations

import ipaddress

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from evercert.acme.problem import Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier, parse_identifiers
from evercert.ca.profiles.profile import BUILT_IN, Profile
from evercert.ca.profiles.request import Requested, check_csr
from evercert.pki import der
from evercert.pki.csr import build_csr, read_csr
from evercert.pki.keys import KeyType, generate
from tests.ca.profiles.requests import KEY, Wrapped, dns, email, ip, other, request, signed_with, uri
from tests.pki.test_weak import listed

DEFAULT = BUILT_IN["default"]
ACCOUNT = generate(KeyType.EC256)


def check(csr: bytes, *names: str, profile: Profile = DEFAULT, account: bytes = ACCOUNT.spki) -> Requested:
    return check_csr(csr, parse_identifiers(names), profile, account)


def refused(csr: bytes, *names: str, profile: Profile = DEFAULT, account: bytes = ACCOUNT.spki) -> str:
    with pytest.raises(Problem) as caught:
        check(csr, *names, profile=profile, account=account)
    assert caught.value.type is ProblemType.BAD_CSR
    return caught.value.detail


def with_(**fields: object) -> Profile:
    return msgspec.structs.replace(DEFAULT, **fields)


@pytest.mark.parametrize("key_type", KeyType)
def test_a_right_request_of_each_key_type_is_taken(key_type: KeyType) -> None:
    key, names = generate(key_type), parse_identifiers(["a.test", "*.b.test", "10.0.0.1", "2001:db8::1"])
    found = check_csr(build_csr(key, names), names, DEFAULT, ACCOUNT.spki)
    assert found == Requested(key.spki, names, key_type=key_type)


@pytest.mark.parametrize(
    "csr",
    [
        request(dns("a.test"), common_names=("a.test",)),
        request(common_names=("a.test",)),
        request(dns("A.TEST"), common_names=("a.Test",)),
        request(dns("a.test"), dns("a.test")),
    ],
    ids=["a CN beside it", "a CN alone", "capitals", "twice"],
)
def test_other_ways_to_ask_for_the_same(csr: bytes) -> None:
    assert check(csr, "a.test").identifiers == parse_identifiers(["a.test"])


@pytest.mark.parametrize(
    ("csr", "said"),
    [
        (request(dns("a.test"), dns("b.test")), "it is for 'b.test'"),
        (request(dns("*.a.test"), dns("a.test")), "it is for '*.a.test'"),
        (request(dns("b.test")), "it is for 'b.test'"),
        (request(dns("a.test"), common_names=("b.test",)), "it is for 'b.test'"),
        (request(dns("a.test"), common_names=("a.test", "b.test")), "it is for 'b.test'"),
        (request(dns("a.test"), ip(b"\x0a\0\0\1")), "it is for '10.0.0.1'"),
        (request(), "the order is for a.test"),
        (request(dns("a.test\0.evil.test")), "it is for"),
        (request(dns("a.test\0")), "it is for"),
        (request(dns("ä.test")), "it is for"),
        (request(dns(b"\xff\xfe")), "cannot be read"),
        (request(dns("a..test")), "it is for 'a..test'"),
        (request(dns("a.test.")), "it is for 'a.test.'"),
        (request(dns(" a.test")), "it is for"),
        (request(dns("")), "it is for ''"),
        (request(dns("a.test"), uri("https://a.test/")), "does not give the URI 'https://a.test/'"),
        (request(dns("a.test"), uri("spiffe://corp.test/a")), "does not give the URI"),
        (request(dns("a.test"), email("root@a.test")), "does not give the e-mail address 'root@a.test'"),
        (request(dns("a.test"), other("1.2.3", der.utf8("x"))), "a kind that is not certified"),
        (request(dns("a.test"), other("1.3.6.1.5.5.7.8.3", der.sequence(der.utf8("SN")))), "it names a device"),
        (request(dns("a.test"), der.primitive(0x88, b"\x2a\x03")), "a kind that is not certified"),
        (request(dns("a.test"), der.constructed(0xA4, der.sequence())), "a kind that is not certified"),
        (request(*[dns(f"a{each}.test") for each in range(1000)]), "it is for"),
        (request(*[dns(f"{'a' * 50}{each}.test") for each in range(2000)]), "it has more than 65536 bytes"),
        (b"\x30\x83\x4c\x4b\x40" + bytes(5_000_000), "it has more than 65536 bytes"),
        (request(dns("a.test"), extensions=(x509.BasicConstraints(True, None),)), "it asks for a CA's certificate"),
        (request(dns("a.test"), key=ACCOUNT), "it has the account's key"),
        (signed_with("1.2.840.113549.1.1.4", dns("a.test")), "signed with MD5 or SHA-1"),
        (signed_with("1.2.840.113549.1.1.5", dns("a.test")), "signed with MD5 or SHA-1"),
        (signed_with("1.2.840.10045.4.1", dns("a.test")), "signed with MD5 or SHA-1"),
        (b"", "cannot be read"),
        (b"\x30\x00", "cannot be read"),
    ],
)
def test_a_wrong_request_is_refused(csr: bytes, said: str) -> None:
    assert said in refused(csr, "a.test")


def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    csr = bytearray(request(dns("a.test")))
    csr[-1] ^= 1
    assert "signature" in refused(bytes(csr), "a.test")
    changed = request(dns("a.test")).replace(b"a.test", b"b.test")
    assert "signature" in refused(changed, "b.test")


def test_a_request_may_ask_for_its_basic_constraints_to_be_none() -> None:
    check(request(dns("a.test"), extensions=(x509.BasicConstraints(False, None),)), "a.test")


def test_a_weak_key_is_refused_with_its_reason() -> None:
    weak = Wrapped(rsa.generate_private_key(3, 2048))
    assert "its exponent is not 65537" in refused(request(dns("a.test"), key=weak), "a.test")  # type: ignore[arg-type]
    short = Wrapped(rsa.generate_private_key(65537, 1024))
    assert "1024 bits" in refused(request(dns("a.test"), key=short), "a.test")  # type: ignore[arg-type]


def test_a_key_that_is_publicly_known_is_refused() -> None:
    key = generate(KeyType.EC256)
    known = listed(key.crypto.public_key().public_numbers().x.to_bytes(32).lstrip(b"\0"))
    with pytest.raises(Problem, match="publicly known") as caught:
        check_csr(request(dns("a.test"), key=key), parse_identifiers(["a.test"]), DEFAULT, ACCOUNT.spki, known)
    assert caught.value.type is ProblemType.BAD_CSR


def test_a_key_type_that_the_profile_does_not_take_is_refused() -> None:
    profile = with_(key_types=(KeyType.EC384, KeyType.RSA4096))
    assert "it takes ec384, rsa4096" in refused(request(dns("a.test")), "a.test", profile=profile)


# Addresses


def test_an_address_is_asked_for_as_one() -> None:
    octets = ipaddress.ip_address("10.0.0.1").packed
    assert check(request(ip(octets)), "10.0.0.1").identifiers == parse_identifiers(["10.0.0.1"])
    check(request(ip(octets), common_names=("10.0.0.1",)), "10.0.0.1")
    assert "address" in refused(request(dns("10.0.0.1")), "10.0.0.1")
    assert "address" in refused(request(common_names=("10.0.0.1",)), "10.0.0.1")
    assert refused(request(ip(octets + b"\xff\0\0\0")), "10.0.0.1")
    assert refused(request(ip(b"\1\2\3")), "10.0.0.1")


# URIs and e-mail addresses


def test_a_request_may_choose_a_uri_that_the_profile_allows() -> None:
    profile = with_(names=("dns", "uri"), allow=("*", "spiffe://corp.test/ns/"))
    found = check(request(dns("a.test"), uri("spiffe://corp.test/ns/web")), "a.test", profile=profile)
    assert found.uris == ("spiffe://corp.test/ns/web",)
    for bad in ("spiffe://corp.test/other", "spiffe://corp.test/ns/../x", "spiffe://corp.test/nsx"):
        assert "does not give the URI" in refused(request(dns("a.test"), uri(bad)), "a.test", profile=profile)


def test_a_profiles_own_uri_is_in_every_certificate_whether_it_was_asked_for_or_not() -> None:
    profile = with_(uri="spiffe://corp.test/ns/{name}")
    own = "spiffe://corp.test/ns/a.test"
    assert check(request(dns("a.test")), "a.test", profile=profile).uris == (own,)
    assert check(request(dns("a.test"), uri(own)), "a.test", profile=profile).uris == (own,)
    another = request(dns("a.test"), uri("spiffe://corp.test/ns/b.test"))
    assert "does not give the URI" in refused(another, "a.test", profile=profile)
    assert "no name without a star" in refused(request(dns("*.a.test")), "*.a.test", profile=profile)


def test_who_controls_a_domain_may_have_its_addresses() -> None:
    profile = with_(names=("dns", "email"))
    assert check(request(dns("a.test"), email("root@a.test")), "a.test", profile=profile).emails == ("root@a.test",)
    for bad in ("root@b.test", "root@x.a.test", "root@A.TEST", "root", "a b@a.test", "root@a.test\0", "ä@a.test"):
        assert "e-mail" in refused(request(dns("a.test"), email(bad)), "a.test", profile=profile)


def test_stapling_may_be_asked_for_where_the_profile_lets_it() -> None:
    csr = request(dns("a.test"), extensions=(x509.TLSFeature([x509.TLSFeatureType.status_request]),))
    assert check(csr, "a.test").must_staple
    assert "must-staple" in refused(csr, "a.test", profile=with_(must_staple=False))
    assert "must-staple" in refused(csr, "a.test", profile=with_(ocsp=False))


# Devices


def test_a_device_may_be_left_out_of_the_request_or_named_in_it() -> None:
    device = Identifier("permanent-identifier", "SN-1")
    named = request(other("1.3.6.1.5.5.7.8.3", der.sequence(der.utf8("SN-1"))))
    for csr in (request(), named):
        assert check_csr(csr, [device], DEFAULT, ACCOUNT.spki).identifiers == (device,)
    for strange in (
        dns("a.test"),
        other("1.3.6.1.5.5.7.8.3", der.sequence(der.utf8("SN-2"))),
        other("1.3.6.1.5.5.7.8.3", der.sequence(der.utf8("sn-1"))),
        other("1.3.6.1.5.5.7.8.3", der.sequence(der.utf8("SN-1"), der.oid("1.2.3"))),
        other("1.3.6.1.5.5.7.8.3", der.sequence()),
        other("1.3.6.1.5.5.7.8.4", der.sequence(der.oid("1.2.3"), der.octets(b"SN-1"))),
    ):
        with pytest.raises(Problem):
            check_csr(request(strange), [device], DEFAULT, ACCOUNT.spki)


def test_a_request_of_another_version_is_refused() -> None:
    """PKCS #10 has the one version 0 (RFC 2986 §4.1)."""
    assert "cannot be read" in refused(request(dns("a.test")).replace(b"\x02\x01\x00", b"\x02\x01\x05", 1), "a.test")


def test_a_request_for_a_tls_feature_that_nobody_knows_is_refused() -> None:
    """The library answers with a `KeyError`."""
    feature = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.24"), der.sequence(der.integer(51)))
    csr = request(dns("a.test"), extensions=(feature,))
    assert "cannot be read" in refused(csr, "a.test")
    with pytest.raises(EvercertError, match="cannot be read"):
        read_csr(csr)


def test_a_subject_that_breaks_its_bounds_is_refused_without_a_warning() -> None:
    with pytest.warns(UserWarning, match="length"):
        country = x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "Germany", _validate=False)
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([country]))
    csr = builder.sign(KEY.crypto, KEY.digest).public_bytes(Encoding.DER)
    assert "cannot be read" in refused(csr, "a.test")


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_whatever_is_sent_is_a_bad_csr(data: bytes) -> None:
    refused(data, "a.test")


_GOOD = request(dns("a.test"), common_names=("a.test",))


@settings(deadline=None)
@given(st.data())
def test_a_damaged_request_is_a_bad_csr_or_unchanged_in_meaning(data: st.DataObject) -> None:
    csr = bytearray(_GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        csr[data.draw(st.integers(0, len(csr) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = check(bytes(csr), "a.test")
    except Problem as problem:
        assert problem.type is ProblemType.BAD_CSR  # noqa: PT017 - either end is right
    else:
        assert found == Requested(KEY.spki, parse_identifiers(["a.test"]))
