"""The lint of leaves: each rule with something that breaks it, and nothing else that does."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.names import Identifier
from evercert.pki import der
from evercert.pki.hierarchy import make_intermediate
from evercert.pki.issuing import HardwareModule, Leaf, PermanentIdentifier, sign, to_be_signed
from evercert.pki.keys import KeyType
from evercert.pki.lint.leaf import CHECKS, lint_leaf
from evercert.pki.ocsp import responder_leaf
from evercert.pki.signer import Signer
from evercert.pki.tbs import assemble, extension, extension_of, name_der
from tests.pki.authority import name_of
from tests.pki.hierarchies import KEY_TYPES, NOW, YEAR, hierarchy, intermediate_of, key_of, leaf_of

_KEY = key_of(KeyType.EC256)
_RSA = key_of(KeyType.RSA2048)
_ISSUING = hierarchy().issuing
_NAME = "www.example.test"


def codes(tbs: bytes, signer: Signer = _ISSUING) -> list[str]:
    return sorted({each.code for each in lint_leaf(tbs, signer)})


def leaf_codes(signer: Signer = _ISSUING, **more: Any) -> list[str]:
    return codes(to_be_signed(leaf_of(_KEY, **more), signer), signer)


def usage(*named: str) -> x509.KeyUsage:
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    every += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{each: each in named for each in every})


def san(*names: x509.GeneralName) -> bytes:
    return extension_of(x509.SubjectAlternativeName(names), critical=True)


_BESIDE = extension_of(x509.SubjectAlternativeName([x509.DNSName(_NAME)]))  # a subject

# A good leaf, put together from parts that a test can exchange.
_PARTS: dict[str, bytes] = {
    "usage": extension_of(usage("digital_signature"), critical=True),
    "basic": extension_of(x509.BasicConstraints(False, None), critical=True),
    "eku": extension_of(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])),
    "aki": _ISSUING.authority,
    "san": san(x509.DNSName(_NAME)),
}


def crafted(**changed: Any) -> bytes:
    """Fields of `assemble` and names of `_PARTS` may be exchanged; `more` is put behind the extensions."""
    parts = [changed.pop(name, part) for name, part in _PARTS.items()] + [changed.pop("more", b"")]
    fields: dict[str, Any] = {
        "serial": 1 << 128,
        "algorithm": _ISSUING.algorithm,
        "issuer": _ISSUING.subject,
        "not_before": NOW,
        "not_after": NOW + timedelta(days=1),
        "subject": name_der(()),
        "spki": _KEY.spki,
        "extensions": parts,
    }
    return assemble(**(fields | changed))


def by_hand(**changed: bytes) -> bytes:
    """With the octets of fields that `assemble` would not write."""
    fields = {
        "version": der.constructed(0xA0, der.integer(2)),
        "serial": der.integer(1 << 128),
        "algorithm": _ISSUING.algorithm,
        "issuer": _ISSUING.subject,
        "validity": der.sequence(der.time(NOW), der.time(NOW + timedelta(days=1))),
        "subject": name_der(()),
        "spki": _KEY.spki,
        "extensions": der.constructed(0xA3, der.sequence(*_PARTS.values())),
    }
    return der.sequence(*(fields | changed).values())


def spki_of(key: Any) -> bytes:
    written = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert isinstance(written, bytes)
    return written


def rsa_spki(modulus: int, exponent: int) -> bytes:
    key = der.sequence(der.integer(modulus), der.integer(exponent))
    return der.sequence(der.sequence(der.oid("1.2.840.113549.1.1.1"), der.NULL), der.bits(key))


@pytest.mark.parametrize("leaf_type", KEY_TYPES, ids=lambda each: each.value)
@pytest.mark.parametrize("issuer_type", [KeyType.EC256, KeyType.RSA2048, KeyType.MLDSA65], ids=lambda each: each.value)
def test_a_good_leaf_has_no_findings(leaf_type: KeyType, issuer_type: KeyType) -> None:
    signer, key = hierarchy(issuer_type).issuing, key_of(leaf_type)
    assert lint_leaf(to_be_signed(leaf_of(key), signer), signer) == []


_GOOD: dict[str, dict[str, Any]] = {
    "many names": {
        "identifiers": (
            Identifier("dns", "a.test"),
            Identifier("dns", "*.a.test"),
            Identifier("dns", "localhost"),
            Identifier("dns", "xn--bcher-kva.test"),
            Identifier("ip", "192.0.2.1"),
            Identifier("ip", "2001:db8::1"),
        )
    },
    "subject": {"subject": (("O", "Example"), ("CN", _NAME))},
    "address as subject": {"identifiers": (Identifier("ip", "::1"),), "subject": (("CN", "::1"),)},
    "client": {"ekus": ("clientAuth",), "subject": (("CN", "Some One"),), "emails": ("some.one@example.test",)},
    "spiffe": {"identifiers": (), "uris": ("spiffe://example.test/ns/prod",), "ekus": ("serverAuth", "clientAuth")},
    "code": {"identifiers": (), "subject": (("CN", "Build"),), "ekus": ("codeSigning",)},
    "device": {
        "identifiers": (),
        "permanent_identifiers": (PermanentIdentifier("SN-1", "1.2.3"),),
        "hardware_modules": (HardwareModule("1.2.3", b"\0"),),
        "ekus": ("clientAuth",),
    },
    "everything": {
        "must_staple": True,
        "policies": ("2.23.140.1.2.1",),
        "ocsp_urls": ("http://ocsp.test/",),
        "ekus": ("serverAuth", "clientAuth", "1.2.3.4"),
    },
}


@pytest.mark.parametrize("shape", _GOOD.values(), ids=_GOOD)
def test_every_shape_that_we_issue_has_no_findings(shape: dict[str, Any]) -> None:
    assert lint_leaf(to_be_signed(leaf_of(_KEY, **shape), _ISSUING), _ISSUING) == []


def test_a_responders_certificate_and_one_that_enciphers_keys_have_no_findings() -> None:
    responder = responder_leaf(1 << 128, _KEY.spki, (("CN", "R"),), not_before=NOW, not_after=NOW + timedelta(days=1))
    assert codes(to_be_signed(responder, _ISSUING)) == []
    assert codes(to_be_signed(leaf_of(_RSA, key_encipherment=True), _ISSUING)) == []
    assert codes(crafted()) == []


_ROOT_LIFE = _ISSUING.not_before, _ISSUING.not_after
_OTHER = hierarchy(KeyType.EC384, "Other").issuing

_WRONG: dict[str, tuple[str, bytes]] = {
    "version 1": (
        "unreadable",
        crafted().replace(der.constructed(0xA0, der.integer(2)), der.constructed(0xA0, b"\x02\1\1")),
    ),
    "serial 0": ("unreadable", crafted(serial=0)),
    "negative serial": ("unreadable", crafted(serial=-(1 << 100))),
    "short serial": ("serial", crafted(serial=(1 << 64) - 1)),
    "serial of 21 octets": ("serial", crafted(serial=1 << 160)),
    "serial of 160 bits": ("serial", crafted(serial=1 << 159)),
    "other algorithm": ("algorithm", crafted(algorithm=_OTHER.algorithm)),
    "sha-1": ("algorithm", crafted(algorithm=der.sequence(der.oid("1.2.840.10045.4.1")))),
    "other issuer": ("issuer", crafted(issuer=_OTHER.subject)),
    "ends first": ("validity", crafted(not_before=NOW + YEAR, not_after=NOW)),
    "no life": ("validity", crafted(not_after=NOW)),
    "before its issuer": ("validity", crafted(not_before=_ROOT_LIFE[0] - timedelta(seconds=1))),
    "after its issuer": ("validity", crafted(not_after=_ROOT_LIFE[1] + timedelta(seconds=1))),
    "generalized too early": (
        "validity",
        by_hand(validity=der.sequence(der.generalized_time(NOW), der.time(NOW + timedelta(days=1)))),
    ),
    "in 1950": ("validity", by_hand(validity=der.sequence(der.time(NOW), der.primitive(0x17, b"500101000000Z")))),
    "rsa 1024": ("key", crafted(spki=spki_of(rsa.generate_private_key(65537, 1024)))),
    "rsa exponent 3": ("key", crafted(spki=rsa_spki(_RSA.crypto.public_key().public_numbers().n, 3))),
    "rsa exponent even": ("unreadable", crafted(spki=rsa_spki(_RSA.crypto.public_key().public_numbers().n, 65538))),
    "rsa exponent huge": ("key", crafted(spki=rsa_spki(_RSA.crypto.public_key().public_numbers().n, (1 << 257) + 1))),
    "rsa 2049": ("key", crafted(spki=rsa_spki((1 << 2048) + 1, 65537))),
    "curve": ("key", crafted(spki=spki_of(ec.generate_private_key(ec.SECP256K1())))),
    "compressed point": (
        "key",
        crafted(
            spki=der.sequence(
                der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.840.10045.3.1.7")),
                der.bits(_KEY.crypto.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)),
            )
        ),
    ),
    "key of a kind": ("key", crafted(spki=spki_of(dsa.generate_private_key(2048)))),
    "unknown key": ("key", crafted(spki=der.sequence(der.sequence(der.oid("1.2.3")), der.bits(b"\0")))),
    "subject not printable": ("subject", crafted(subject=name_der((("O", "a\nb"),)), san=_BESIDE)),
    "two common names": ("subject", crafted(subject=name_der((("CN", _NAME), ("CN", _NAME))), san=_BESIDE)),
    "common name not among names": ("subject", crafted(subject=name_der((("CN", "other.example.test"),)), san=_BESIDE)),
    "no names": ("names", crafted(san=b"")),
    "empty names": ("names", crafted(san=extension("2.5.29.17", der.sequence(), critical=True))),
    "names twice": ("names", crafted(san=san(x509.DNSName(_NAME), x509.DNSName(_NAME)))),
    "names not critical": ("names", crafted(san=extension_of(x509.SubjectAlternativeName([x509.DNSName(_NAME)])))),
    "names critical beside a subject": ("names", crafted(subject=name_der((("O", "X"),)))),
    "network": ("names", crafted(san=san(x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))))),
    "directory name": (
        "names",
        crafted(san=san(x509.DirectoryName(name_of("x")))),
    ),
    "registered id": ("names", crafted(san=san(x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))))),
    "other name": ("names", crafted(san=san(x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00")))),
    "hardware module of no shape": (
        "names",
        crafted(san=san(x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.4"), b"\x30\x00"))),
    ),
    "uri without a scheme": ("names", crafted(san=san(x509.UniformResourceIdentifier("//example.test/")))),
    "uri with a space": ("names", crafted(san=san(x509.UniformResourceIdentifier("spiffe://example.test/a b")))),
    "long uri": ("names", crafted(san=san(x509.UniformResourceIdentifier("spiffe://example.test/" + "a" * 2048)))),
    "mailbox": ("names", crafted(san=san(x509.RFC822Name("someone")))),
    "extension twice": ("extensions", crafted(more=_PARTS["eku"])),
    "unknown extension": ("extensions", crafted(more=extension("1.2.3", b"\x05\x00"))),
    "usage not critical": ("extensions", crafted(usage=extension_of(usage("digital_signature")))),
    "eku critical": (
        "extensions",
        crafted(eku=extension_of(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=True)),
    ),
    "ca": ("basic-constraints", crafted(basic=extension_of(x509.BasicConstraints(True, None), critical=True))),
    "no basic constraints": ("basic-constraints", crafted(basic=b"")),
    "no usage": ("key-usage", crafted(usage=b"")),
    "signs certificates": (
        "key-usage",
        crafted(usage=extension_of(usage("digital_signature", "key_cert_sign"), critical=True)),
    ),
    "does not sign": ("key-usage", crafted(usage=extension_of(usage("crl_sign"), critical=True))),
    "agrees": ("key-usage", crafted(usage=extension_of(usage("digital_signature", "key_agreement"), critical=True))),
    "enciphers without rsa": (
        "key-usage",
        crafted(usage=extension_of(usage("digital_signature", "key_encipherment"), critical=True)),
    ),
    "no eku": ("extended-key-usage", crafted(eku=b"")),
    "any eku": (
        "extended-key-usage",
        crafted(eku=extension_of(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]))),
    ),
    "eku twice": (
        "extended-key-usage",
        crafted(eku=extension_of(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH] * 2))),
    ),
    "responder and server": (
        "extended-key-usage",
        crafted(
            eku=extension_of(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.OCSP_SIGNING]))
        ),
    ),
    "unchecked server": ("extended-key-usage", crafted(more=extension_of(x509.OCSPNoCheck()))),
    "no aki": ("key-identifiers", crafted(aki=b"")),
    "other aki": ("key-identifiers", crafted(aki=_OTHER.authority)),
    "other ski": ("key-identifiers", crafted(more=extension_of(x509.SubjectKeyIdentifier(bytes(20))))),
    "crl by ldap": (
        "pointers",
        crafted(
            more=extension_of(
                x509.CRLDistributionPoints(
                    [x509.DistributionPoint([x509.UniformResourceIdentifier("ldap://crl.test/")], None, None, None)]
                )
            )
        ),
    ),
    "crl by file": (
        "pointers",
        crafted(
            more=extension_of(
                x509.AuthorityInformationAccess(
                    [
                        x509.AccessDescription(
                            x509.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("file:///etc")
                        )
                    ]
                )
            )
        ),
    ),
    "too large": (
        "size",
        crafted(san=san(*[x509.DNSName(f"{each:05}.{'a' * 50}.example.test") for each in range(1000)])),
    ),
    "not der": ("unreadable", b"\x30\x80\x00\x00"),
    "nothing": ("unreadable", b""),
    "more behind": ("unreadable", crafted() + b"\x00"),
    "time with fractions": (
        "unreadable",
        crafted().replace(der.time(NOW)[2:], b"260601120.00Z"),
    ),
    "address of five octets": (
        "unreadable",
        crafted(san=extension("2.5.29.17", der.sequence(der.primitive(0x87, bytes(5))), critical=True)),
    ),
    "name not ascii": (
        "names",
        crafted(san=extension("2.5.29.17", der.sequence(der.primitive(0x82, "ä.test".encode())), critical=True)),
    ),
    "key not on its curve": (
        "unreadable",
        crafted(
            spki=der.sequence(
                der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.840.10045.3.1.7")), der.bits(b"\4" + bytes(64))
            )
        ),
    ),
}


@pytest.mark.parametrize(("code", "tbs"), _WRONG.values(), ids=_WRONG)
def test_what_is_wrong_is_found_and_nothing_else(code: str, tbs: bytes) -> None:
    assert codes(tbs) == [code]


@pytest.mark.parametrize(
    "name",
    [
        "under_score.test",
        "a b.test",
        "a\0b.test",
        "trailing.test.",
        ".leading.test",
        "two..dots.test",
        "-a.test",
        "a-.test",
        "a" * 64 + ".test",
        ".".join(["a" * 60] * 5),
        "UPPER.test",
        "*",
        "*.",
        "a.*.test",
        "*a.test",
        "*.*.test",
        "192.0.2.1",
        "a.1",
        "",
        "http://a.test",
        "a.test:443",
        "a@b.test",
        "a.test\n",
    ],
)
def test_a_name_that_is_no_host_name_is_found(name: str) -> None:
    assert codes(crafted(san=san(x509.DNSName(name)))) == ["names"]


def bound_by(permitted: tuple[str, ...] = (), excluded: tuple[str, ...] = (), **more: Any) -> Signer:
    key = key_of(KeyType.EC256, "constrained")
    limits = intermediate_of(key, permitted=permitted, excluded=excluded, **more)
    return Signer(make_intermediate(limits, hierarchy().root), key)


_PERMITTED = ("dns:example.test", "ip:10.0.0.0/8", "ip:2001:db8::/32", "uri:.example.test", "email:example.test")


@pytest.mark.parametrize(
    ("names", "is_found"),
    [
        ({"identifiers": (Identifier("dns", "example.test"), Identifier("dns", "*.a.example.test"))}, False),
        ({"identifiers": (Identifier("ip", "10.1.2.3"), Identifier("ip", "2001:db8::7"))}, False),
        ({"identifiers": (), "uris": ("spiffe://a.example.test/x",), "emails": ("a@example.test",)}, False),
        ({"identifiers": (Identifier("dns", "badexample.test"),)}, True),
        ({"identifiers": (Identifier("dns", "x.bad.example.test"),)}, True),
        ({"identifiers": (Identifier("dns", "*.example.test"),)}, True),
        ({"identifiers": (Identifier("ip", "11.0.0.1"),)}, True),
        ({"identifiers": (Identifier("ip", "2001:db9::"),)}, True),
        ({"identifiers": (), "uris": ("spiffe://example.test/x",)}, True),
        ({"identifiers": (), "uris": ("spiffe:x",)}, True),
        ({"identifiers": (), "emails": ("a@b.example.test",)}, True),
    ],
    ids=str,
)
def test_a_name_that_the_issuer_may_not_sign_is_found(names: dict[str, Any], is_found: bool) -> None:
    signer = bound_by(_PERMITTED, ("dns:bad.example.test",))
    assert leaf_codes(signer, **names) == (["name-constraints"] if is_found else [])


def test_a_kind_of_name_that_the_issuer_does_not_bind_is_free() -> None:
    signer = bound_by(("dns:.example.test",), ("email:me@example.test", "email:.x.test"))
    assert leaf_codes(signer, identifiers=(Identifier("ip", "192.0.2.1"),)) == []
    assert leaf_codes(signer, identifiers=(Identifier("dns", "example.test"),)) == ["name-constraints"]
    assert leaf_codes(signer, emails=("you@example.test",)) == []
    assert leaf_codes(signer, emails=("me@example.test",)) == ["name-constraints"]


def test_a_use_that_the_issuer_may_not_sign_for_is_found() -> None:
    signer = bound_by(ekus=("serverAuth",))
    assert leaf_codes(signer) == []
    assert leaf_codes(signer, ekus=("serverAuth", "clientAuth")) == ["extended-key-usage"]


def test_a_leaf_signs_nothing() -> None:
    key = key_of(KeyType.EC256, "responder")
    leaf = responder_leaf(1 << 128, key.spki, (("CN", "R"),), not_before=NOW, not_after=NOW + timedelta(days=30))
    signer = Signer(sign(leaf, _ISSUING), key)
    assert "issuer" in leaf_codes(signer)


def test_what_is_found_says_what_without_repeating_what_a_terminal_obeys() -> None:
    [found] = lint_leaf(crafted(san=san(x509.DNSName("a\x1b[2J.test"))), _ISSUING)
    assert found.code in CHECKS
    assert found.detail == "DNSName 'a [2J.test' cannot stand in a certificate"


@given(st.binary(max_size=200))
def test_any_octets_are_found_unreadable(data: bytes) -> None:
    assert codes(data) == ["unreadable"]


_TBS = to_be_signed(leaf_of(_KEY, **_GOOD["everything"]), _ISSUING)


@given(st.integers(0, len(_TBS) - 1), st.integers(1, 255))
def test_lint_says_something_about_any_octet_and_never_fails(place: int, change: int) -> None:
    damaged = bytearray(_TBS)
    damaged[place] ^= change
    for each in lint_leaf(bytes(damaged), _ISSUING):
        assert each.code in {*CHECKS, "unreadable"}
        assert each.detail.isprintable()


_HOST = st.from_regex(r"\A(\*\.)?([a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?\.){0,4}[a-z]{1,10}\Z")


@given(
    st.lists(_HOST, min_size=1, max_size=10, unique=True),
    st.integers(1 << 128, (1 << 129) - 1),
    st.datetimes(datetime(2026, 6, 1), datetime(2031, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_whatever_we_would_issue_has_no_findings(hosts: list[str], serial: int, end: datetime) -> None:
    leaf = Leaf(
        serial=serial,
        spki=_KEY.spki,
        not_before=NOW - timedelta(days=1),
        not_after=end,
        identifiers=tuple(Identifier("dns", each) for each in hosts),
    )
    assert lint_leaf(to_be_signed(leaf, _ISSUING), _ISSUING) == []
