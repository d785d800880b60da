"""CA certificates: roots, intermediates, name constraints, cross-certificates, the offline key."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.pki.cert import read_certificate
from evercert.pki.hierarchy import cross_sign, make_intermediate, make_root
from evercert.pki.issuing import new_serial, sign
from evercert.pki.keys import KeyType, load_pem
from evercert.pki.passphrase import encrypted_pem
from evercert.pki.signer import Signer
from tests.pki.hierarchies import KEY_TYPES, NOW, YEAR, hierarchy, intermediate_of, key_of, leaf_of
from tests.pki.linting import assert_clean

_KEY = key_of(KeyType.EC256)


def verify(name: str, leaf: bytes, issuing: bytes, root: bytes) -> list[bytes]:
    certificates = [x509.load_der_x509_certificate(each) for each in (leaf, issuing, root)]
    verifier = PolicyBuilder().store(Store(certificates[2:])).time(NOW).build_server_verifier(x509.DNSName(name))
    return [read_certificate(leaf).der for _ in verifier.verify(certificates[0], certificates[1:2])]


def test_a_ca_may_sign_certificates_crls_and_responses_and_nothing_else() -> None:
    made = hierarchy()
    for signer, length in ((made.root, None), (made.issuing, 0)):
        extensions = x509.load_der_x509_certificate(signer.certificate).extensions
        usage = extensions.get_extension_for_class(x509.KeyUsage)
        assert usage.critical
        assert (usage.value.key_cert_sign, usage.value.crl_sign, usage.value.digital_signature) == (True, True, True)
        assert not usage.value.key_encipherment
        constraints = extensions.get_extension_for_class(x509.BasicConstraints)
        assert (constraints.critical, constraints.value) == (True, x509.BasicConstraints(True, length))


_CONSTRAINTS = ("dns:example.test", "ip:10.0.0.0/8", "ip:2001:db8::/32", "uri:.example.test", "email:example.test")


def test_name_constraints_bind_what_is_below() -> None:
    root, key = hierarchy().root, key_of(KeyType.EC256, "constrained")
    bound = intermediate_of(key, permitted=_CONSTRAINTS, excluded=("dns:bad.example.test",))
    issuing = Signer(make_intermediate(bound, root), key)
    assert_clean(issuing.certificate, root.certificate)
    for name in ("example.test", "www.example.test"):
        leaf = sign(leaf_of(_KEY, name), issuing)
        assert_clean(leaf, issuing.certificate)
        assert verify(name, leaf, issuing.certificate, root.certificate)
    for name in ("example.invalid", "x.bad.example.test", "badexample.test"):
        with pytest.raises(VerificationError):
            verify(name, sign(leaf_of(_KEY, name), issuing), issuing.certificate, root.certificate)


@pytest.mark.parametrize(
    "wrong", ["example.test", "dns:ä.test", "ip:10.0.0.1/8", "ip:10.0.0.0/33", "uri:ä", "dir:x", "email:ä@x"]
)
def test_what_is_no_name_constraint_is_refused(wrong: str) -> None:
    with pytest.raises(EvercertError, match="not a name constraint"):
        make_intermediate(intermediate_of(_KEY, permitted=(wrong,)), hierarchy().root)


def test_an_intermediate_can_be_bound_to_usages_and_to_a_length() -> None:
    root = hierarchy().root
    der = make_intermediate(
        intermediate_of(_KEY, ekus=("serverAuth", "clientAuth"), path_length=None, ocsp_urls=("http://o.test/",)), root
    )
    assert_clean(der, root.certificate)
    extensions = x509.load_der_x509_certificate(der).extensions
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.path_length is None
    assert len(list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)) == 2


def test_no_intermediate_outlives_its_issuer() -> None:
    root = hierarchy().root
    lives: list[dict[str, Any]] = [
        {"not_after": root.not_after + timedelta(seconds=1)},
        {"not_before": root.not_before - YEAR},
    ]
    for life in lives:
        with pytest.raises(EvercertError, match="no longer than its issuer"):
            make_intermediate(intermediate_of(_KEY, **life), root)


def test_a_ca_without_a_name_is_none() -> None:
    with pytest.raises(EvercertError, match="a CA has a name"):
        make_root(_KEY, (), serial=1, not_before=NOW, not_after=NOW + YEAR)


@pytest.mark.parametrize("new_type", [KeyType.EC384, KeyType.MLDSA65], ids=lambda each: each.value)
def test_a_cross_certificate_leads_from_one_hierarchy_to_the_other(new_type: KeyType) -> None:
    old, new = hierarchy(), hierarchy(new_type, "New")
    crossed = cross_sign(
        new.root.certificate,
        old.root,
        serial=new_serial_for_tests(),
        not_before=NOW,
        not_after=NOW + YEAR,
        crl_urls=("http://crl.test/old.crl",),
        issuer_urls=("http://ca.test/old.crt",),
    )
    assert_clean(crossed, old.root.certificate)
    leaf, *chain = (
        x509.load_der_x509_certificate(each)
        for each in (sign(leaf_of(_KEY), new.issuing), new.issuing.certificate, crossed)
    )
    store = Store([x509.load_der_x509_certificate(old.root.certificate)])
    verifier = PolicyBuilder().store(store).time(NOW).build_server_verifier(x509.DNSName("www.example.test"))
    assert len(verifier.verify(leaf, chain)) == 4


def test_a_cross_certificate_allows_no_more_than_the_first() -> None:
    old, new = hierarchy(), hierarchy(KeyType.EC384, "New")
    key = key_of(KeyType.EC256, "constrained")
    bound = make_intermediate(intermediate_of(key, permitted=("dns:example.test",), ekus=("serverAuth",)), new.root)
    crossed = cross_sign(bound, old.root, serial=7, not_before=NOW, not_after=NOW + YEAR)
    first, other = (x509.load_der_x509_certificate(each).extensions for each in (bound, crossed))
    for kind in (x509.NameConstraints, x509.BasicConstraints, x509.ExtendedKeyUsage, x509.SubjectKeyIdentifier):
        assert other.get_extension_for_class(kind) == first.get_extension_for_class(kind)
    assert read_certificate(crossed).aki == old.root.key_identifier
    with pytest.raises(x509.ExtensionNotFound):
        other.get_extension_for_class(x509.CRLDistributionPoints)


def new_serial_for_tests() -> int:
    import random

    return new_serial(random.Random(3))


@pytest.mark.parametrize("key_type", KEY_TYPES, ids=lambda each: each.value)
def test_an_offline_key_opens_with_its_passphrase_only(key_type: KeyType) -> None:
    key, passphrase = key_of(key_type), Secret("correct horse")
    locked = encrypted_pem(key, passphrase)
    assert locked.reveal().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert load_pem(locked.reveal(), passphrase).spki == key.spki
    with pytest.raises(EvercertError) as raised:
        load_pem(locked.reveal(), Secret("wrong"))
    assert raised.value.code.name == "bad-key"


def test_openssl_opens_an_offline_key(tmp_path: Path) -> None:
    file = tmp_path / "root.key"
    file.write_bytes(encrypted_pem(_KEY, Secret("correct horse")).reveal())
    argv: list[str | Path] = [
        "openssl",
        "pkey",
        "-in",
        file,
        "-passin",
        "pass:correct horse",
        "-pubout",
        "-outform",
        "DER",
    ]
    done = subprocess.run(argv, check=True, capture_output=True, timeout=30)
    assert done.stdout == _KEY.spki


def test_an_empty_passphrase_locks_nothing() -> None:
    with pytest.raises(EvercertError, match="empty"):
        encrypted_pem(_KEY, Secret(""))


def test_what_is_no_ca_is_not_cross_signed() -> None:
    leaf = sign(leaf_of(_KEY), hierarchy().issuing)
    with pytest.raises(EvercertError, match="only a CA's certificate"):
        cross_sign(leaf, hierarchy().root, serial=7, not_before=NOW, not_after=NOW + YEAR)
