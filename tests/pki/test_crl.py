"""CRLs: put together by hand, checked against the library's reader and builder, and by strangers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.pki.cert import certificate_pem
from evercert.pki.crl import Scope, build_crl, entry
from evercert.pki.hsm.keys import key_in_token
from evercert.pki.issuing import sign
from evercert.pki.keys import KeyType
from evercert.pki.reasons import REASONS
from evercert.pki.signer import Signer
from tests.pki.hierarchies import KEY_TYPES, NOW, Hierarchy, hierarchy, key_of, leaf_of
from tests.pki.linting import assert_crl_clean

_DAY = timedelta(days=1)


def crl_of(entries: list[bytes], made: Hierarchy | None = None, **more: Any) -> bytes:
    fields: dict[str, Any] = {"number": 7, "this_update": NOW, "next_update": NOW + 7 * _DAY} | more
    der = build_crl((made or hierarchy()).issuing, entries=iter(entries), **fields)
    assert_crl_clean(der)
    return der


def read(der: bytes) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(der)


def extension_in(der: bytes, kind: type[Any]) -> Any:
    return read(der).extensions.get_extension_for_class(kind)


@pytest.mark.parametrize("key_type", KEY_TYPES, ids=lambda each: each.value)
def test_a_list_is_to_the_octet_what_the_library_would_build(key_type: KeyType) -> None:
    made = hierarchy(key_type)
    serials = {1 << 128 | each: reason for each, reason in enumerate(REASONS)}
    ours = read(crl_of([entry(each, NOW, reason) for each, reason in serials.items()], made))
    theirs = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509.load_der_x509_certificate(made.issuing.certificate).subject)
        .last_update(NOW)
        .next_update(NOW + 7 * _DAY)
        .add_extension(x509.AuthorityKeyIdentifier(made.issuing.key_identifier, None, None), critical=False)
        .add_extension(x509.CRLNumber(7), critical=False)
    )
    for serial, reason in serials.items():
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW)
        if reason:
            revoked = revoked.add_extension(x509.CRLReason(x509.ReasonFlags(REASONS[reason])), critical=False)
        theirs = theirs.add_revoked_certificate(revoked.build())
    built = theirs.sign(made.issuing.key.crypto, made.issuing.key.digest)
    assert ours.tbs_certlist_bytes == built.tbs_certlist_bytes
    assert ours.is_signature_valid(made.issuing.key.crypto.public_key())


def test_an_entry_says_when_and_why_and_since_when_the_key_was_lost() -> None:
    [revoked] = read(crl_of([entry(5, NOW, 1, invalid_since=NOW - _DAY)]))
    assert (revoked.serial_number, revoked.revocation_date_utc) == (5, NOW)
    assert revoked.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.key_compromise
    assert revoked.extensions.get_extension_for_class(x509.InvalidityDate).value.invalidity_date_utc == NOW - _DAY


def test_an_entry_without_a_reason_has_no_extension() -> None:
    assert len(next(iter(read(crl_of([entry(5, NOW)])))).extensions) == 0


@pytest.mark.parametrize("reason", [-1, 7, 11])
def test_a_reason_that_there_is_not_is_refused(reason: int) -> None:
    with pytest.raises(EvercertError, match="no such reason"):
        entry(5, NOW, reason)


def test_a_list_of_nothing_has_no_list_in_it() -> None:
    assert len(read(crl_of([]))) == 0


@pytest.mark.parametrize("holds", ["all", "users", "cas"])
def test_a_part_names_its_distribution_point(holds: Any) -> None:
    der = crl_of([entry(5, NOW)], scope=Scope("http://crl.test/3.crl", holds))
    point = extension_in(der, x509.IssuingDistributionPoint)
    assert point.critical
    assert point.value.full_name == [x509.UniformResourceIdentifier("http://crl.test/3.crl")]
    assert (point.value.only_contains_user_certs, point.value.only_contains_ca_certs) == (
        holds == "users",
        holds == "cas",
    )


def test_the_url_of_a_part_is_the_one_in_its_certificates() -> None:
    leaf = sign(leaf_of(key_of(KeyType.EC256), crl_urls=("http://crl.test/3.crl",)), hierarchy().issuing)
    points = x509.load_der_x509_certificate(leaf).extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    der = crl_of([], scope=Scope("http://crl.test/3.crl", "users"))
    assert points[0].full_name == extension_in(der, x509.IssuingDistributionPoint).value.full_name


def test_a_delta_names_its_base_and_the_base_its_deltas() -> None:
    scope, urls = Scope("http://crl.test/3.crl"), ("http://crl.test/3-delta.crl",)
    base = crl_of([entry(5, NOW)], scope=scope, delta_urls=urls)
    delta = crl_of([entry(5, NOW, 8), entry(6, NOW)], number=9, scope=scope, base_number=7, delta_urls=urls)
    indicator = extension_in(delta, x509.DeltaCRLIndicator)
    assert (indicator.critical, indicator.value.crl_number) == (True, 7)
    assert extension_in(base, x509.FreshestCRL).value[0].full_name[0].value == urls[0]
    with pytest.raises(x509.ExtensionNotFound):
        extension_in(delta, x509.FreshestCRL)
    assert extension_in(delta, x509.IssuingDistributionPoint) == extension_in(base, x509.IssuingDistributionPoint)


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": -1},
        {"number": 1 << 159},
        {"number": 7, "base_number": 7},
        {"base_number": -1},
        {"next_update": NOW},
        {"scope": Scope("http://ä.test/")},
    ],
    ids=str,
)
def test_what_is_out_of_order_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(EvercertError) as raised:
        crl_of([], **wrong)
    assert raised.value.code.name == "bad-input"


def test_a_list_may_be_from_after_2049() -> None:
    far = datetime(2050, 1, 1, tzinfo=UTC)
    crl = read(crl_of([entry(5, far)], this_update=far, next_update=far + _DAY))
    assert (crl.last_update_utc, crl.next_update_utc, crl[0].revocation_date_utc) == (far, far + _DAY, far)


def test_a_hundred_thousand_entries_from_a_cursor_are_all_there() -> None:
    def cursor() -> Iterator[bytes]:
        for serial in range(1, 100_001):
            yield entry(serial, NOW, 1)

    made = hierarchy()
    der = build_crl(made.issuing, number=1, this_update=NOW, next_update=NOW + _DAY, entries=cursor())
    crl = read(der)
    assert len(crl) == 100_000
    assert crl.is_signature_valid(made.issuing.key.crypto.public_key())
    assert crl.get_revoked_certificate_by_serial_number(100_000) is not None


@given(
    st.lists(
        st.tuples(
            st.integers(1, (1 << 159) - 1),
            st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
            st.sampled_from(sorted(REASONS)),
        ),
        max_size=20,
    ),
    st.integers(0, (1 << 159) - 1),
)
def test_whatever_is_revoked_is_read_back(revoked: list[tuple[int, datetime, int]], number: int) -> None:
    der = build_crl(
        hierarchy().issuing,
        number=number,
        this_update=NOW,
        next_update=NOW + _DAY,
        entries=[entry(*each) for each in revoked],
    )
    crl = read(der)
    assert [(each.serial_number, each.revocation_date_utc) for each in crl] == [
        (serial, moment.replace(microsecond=0)) for serial, moment, _ in revoked
    ]
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == number
    assert crl.public_bytes(Encoding.DER) == der


def test_a_key_in_a_token_signs_a_list() -> None:
    key = hierarchy().issuing.key

    def in_the_token(digest: bytes) -> bytes:
        numbers = decode_dss_signature(key.crypto.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()))))
        return b"".join(each.to_bytes(32) for each in numbers)

    signer = Signer(hierarchy().issuing.certificate, key_in_token(key.crypto.public_key(), in_the_token))
    made = Hierarchy(hierarchy().root, signer)
    assert read(crl_of([entry(5, NOW)], made)).is_signature_valid(key.crypto.public_key())


def test_openssl_refuses_a_certificate_that_is_on_the_list(tmp_path: Path) -> None:
    made, key = hierarchy(), key_of(KeyType.EC256)
    (tmp_path / "chain").write_text("".join(certificate_pem(each) for each in made.chain))
    (tmp_path / "crl").write_bytes(read(crl_of([entry(77, NOW, 4)])).public_bytes(Encoding.PEM))
    for serial, said in ((77, "certificate revoked"), (78, "leaf: OK")):
        (tmp_path / "leaf").write_text(certificate_pem(sign(leaf_of(key, serial=serial), made.issuing)))
        argv = ["openssl", "verify", "-crl_check", "-attime", str(int(NOW.timestamp()))]
        argv += ["-CAfile", "chain", "-CRLfile", "crl", "leaf"]
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=30)
        assert said in done.stdout + done.stderr
