"""What a certificate says, by its profile; and what the certificates above it let it be for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509

from evercert.acme.problem import Problem, ProblemType
from evercert.base.names import Identifier, parse_identifiers
from evercert.ca.profiles.profile import BUILT_IN, Profile
from evercert.ca.profiles.request import Requested, leaf_of
from evercert.pki.constraints import name_constraints
from evercert.pki.hierarchy import Intermediate, make_intermediate, make_root
from evercert.pki.issuing import HardwareModule, Leaf, PermanentIdentifier, sign
from evercert.pki.key_type import KeyType
from evercert.pki.keys import generate
from evercert.pki.signer import Signer

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
WINDOW = (NOW - timedelta(days=365), NOW + timedelta(days=3650))
KEY = generate(KeyType.EC256)
URLS: dict[str, Any] = {
    "crl_urls": ("http://ca.test/crl",),
    "ocsp_urls": ("http://ca.test/ocsp",),
    "issuer_urls": ("http://ca.test/i",),
}


def leaf(profile: Profile, *names: str, above: tuple[bytes, ...] = (), **requested: Any) -> Leaf:
    asked = Requested(KEY.spki, parse_identifiers(names), **requested)
    return leaf_of(asked, profile, serial=7, now=NOW, issuer_window=WINDOW, above=above, **URLS)


def with_(**fields: object) -> Profile:
    return msgspec.structs.replace(BUILT_IN["default"], **fields)


def test_what_the_profile_says_is_in_the_certificate() -> None:
    profile = with_(
        ekus=("clientAuth",),
        organization="Corp",
        organizational_unit="Web",
        country="DE",
        policies=("1.3.6.1.4.1.32473.2",),
        life=timedelta(days=1),
    )
    made = leaf(profile, "a.test", uris=("spiffe://corp.test/a",), emails=("a@a.test",), must_staple=True)
    signer = issuer_of()
    certificate = x509.load_der_x509_certificate(sign(made, signer))
    assert certificate.subject.rfc4514_string() == "CN=a.test,OU=Web,O=Corp,C=DE"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [each.value for each in names] == ["a.test", "spiffe://corp.test/a", "a@a.test"]
    assert made.ekus == ("clientAuth",)
    assert made.policies == ("1.3.6.1.4.1.32473.2",)
    assert made.must_staple
    assert (made.crl_urls, made.ocsp_urls, made.issuer_urls) == tuple(URLS.values())


def test_what_the_profile_leaves_out_is_left_out() -> None:
    made = leaf(with_(aia=False, crl=False, ocsp=False, common_name="none"), "a.test")
    assert (made.crl_urls, made.ocsp_urls, made.issuer_urls, made.subject) == ((), (), (), ())


def test_the_common_name_is_the_first_name_that_fits() -> None:
    long = "a" * 60 + ".test"
    assert leaf(with_(), long, "b.test", "c.test").subject == (("CN", "b.test"),)
    assert leaf(with_(), long).subject == ()


def test_an_address_is_no_common_name() -> None:
    """certbot 5.8 takes whatever stands there for a DNS name, and cannot read a certificate of an address."""
    assert leaf(with_(), "10.0.0.1").subject == ()
    assert leaf(with_(), "10.0.0.1", "a.test").subject == (("CN", "a.test"),)


def test_only_rsa_keys_encipher_and_only_where_the_profile_wants_it() -> None:
    assert leaf(with_(), "a.test", key_type=KeyType.RSA2048).key_encipherment
    assert not leaf(with_(), "a.test", key_type=KeyType.EC256).key_encipherment
    assert not leaf(with_(key_encipherment=False), "a.test", key_type=KeyType.RSA2048).key_encipherment


def test_devices_are_named_as_their_rfcs_write_them() -> None:
    devices = (
        Identifier("permanent-identifier", "SN 1"),
        Identifier("permanent-identifier", "SN-2/1.3.6.1.4.1.32473.1"),
        Identifier("hardware-module", "S-3/1.3.6.1.4.1.32473.2"),
    )
    made = leaf_of(Requested(KEY.spki, devices), with_(), serial=7, now=NOW, issuer_window=WINDOW)
    assert made.identifiers == ()
    assert made.subject == ()
    assert made.permanent_identifiers == (
        PermanentIdentifier("SN 1"),
        PermanentIdentifier("SN-2", "1.3.6.1.4.1.32473.1"),
    )
    assert made.hardware_modules == (HardwareModule("1.3.6.1.4.1.32473.2", b"S-3"),)


# Name constraints


def issuer_of(permitted: tuple[str, ...] = (), excluded: tuple[str, ...] = ()) -> Signer:
    root_key, key = generate(KeyType.EC256), generate(KeyType.EC256)
    life: dict[str, Any] = {"not_before": WINDOW[0], "not_after": WINDOW[1]}
    root = Signer(make_root(root_key, (("CN", "Root"),), serial=1, **life), root_key)
    wanted = Intermediate(
        serial=2, spki=key.spki, subject=(("CN", "Issuer"),), permitted=permitted, excluded=excluded, **life
    )
    return Signer(make_intermediate(wanted, root), key)


CONSTRAINED = issuer_of(
    ("dns:corp.test", "ip:10.0.0.0/8", "uri:.corp.test", "email:corp.test"),
    ("dns:secret.corp.test", "ip:10.9.0.0/16"),
).certificate


@pytest.mark.parametrize("name", ["corp.test", "a.corp.test", "*.a.corp.test", "10.1.2.3"])
def test_what_every_certificate_above_permits_is_certified(name: str) -> None:
    leaf(with_(), name, above=(CONSTRAINED, issuer_of().certificate))


@pytest.mark.parametrize(
    "name",
    ["a.test", "xcorp.test", "secret.corp.test", "a.secret.corp.test", "*.corp.test", "10.9.1.1", "11.0.0.1", "::1"],
)
def test_what_one_of_them_does_not_permit_is_rejected_by_its_name(name: str) -> None:
    with pytest.raises(Problem) as caught:
        leaf(with_(), "a.corp.test", name, above=(issuer_of().certificate, CONSTRAINED))
    assert caught.value.type is ProblemType.REJECTED_IDENTIFIER
    assert caught.value.name == str(parse_identifiers([name])[0])


def test_uris_and_addresses_are_constrained_too() -> None:
    constraints = name_constraints(CONSTRAINED)
    assert constraints.allow_uri("spiffe://a.corp.test/x")
    assert not constraints.allow_uri("spiffe://corp.test/x")
    assert constraints.allow_email("a@corp.test")
    assert not constraints.allow_email("a@x.corp.test")
    for extra in ({"uris": ("spiffe://evil.test/x",)}, {"emails": ("a@evil.test",)}):
        with pytest.raises(Problem, match="name constraints"):
            leaf(with_(), "a.corp.test", above=(CONSTRAINED,), **extra)


def test_an_unconstrained_issuer_certifies_everything() -> None:
    constraints = name_constraints(issuer_of().certificate)
    assert constraints.allow(parse_identifiers(["a.test"])[0])
    assert constraints.allow_uri("spiffe://a/b")
    assert constraints.allow_email("a@b.test")
