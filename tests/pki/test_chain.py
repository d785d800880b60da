"""Chains: split, proved, chosen among."""

from __future__ import annotations

import base64
import time
from datetime import timedelta

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.pki.cert import certificate_pem, read_certificate
from evercert.pki.chain import check_issued, matches_preferred, split_pem
from evercert.pki.keys import KeyType, generate
from tests.pki.authority import NOW, Authority

_ROOT = Authority("Root One")
_MIDDLE = _ROOT.under("Middle")
_KEY = generate(KeyType.EC256)
_NAMES = parse_identifiers(("a.test", "b.test"))
_LEAF = _MIDDLE.issue(_KEY, "a.test", "b.test")
_CHAIN = (_LEAF, _MIDDLE.der)


def refusal_of(chain: tuple[bytes, ...], **changed: object) -> str:
    wanted = {"spki": _KEY.spki, "identifiers": _NAMES, "now": NOW, **changed}
    with pytest.raises(EvercertError) as raised:
        check_issued(chain, **wanted)  # type: ignore[arg-type]
    assert raised.value.code.name == "bad-certificate"
    return raised.value.message


def test_a_chain_is_split_in_its_order_and_what_stands_between_is_passed_over() -> None:
    text = f"some words\n{certificate_pem(_LEAF)}\r\nsubject=x\n{certificate_pem(_MIDDLE.der)}trailing"
    assert split_pem(text.encode()) == _CHAIN


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(_LEAF),
        certificate_pem(_LEAF).encode() * 17,
        b" " * 300_000,
    ],
    ids=["nothing", "empty", "half base64", "no DER", "no end", "too many", "too long"],
)
def test_what_is_no_chain_is_refused(data: bytes) -> None:
    with pytest.raises(EvercertError) as raised:
        split_pem(data)
    assert raised.value.code.name == "bad-certificate"


@pytest.mark.parametrize("piece", [b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN ", b"-----", b"A", b"-----END "])
def test_a_hostile_text_takes_no_more_time_than_its_length(piece: bytes) -> None:
    began = time.process_time()
    with pytest.raises(EvercertError):
        split_pem(b"-----BEGIN CERTIFICATE-----" + piece * (256_000 // len(piece)))
    assert time.process_time() - began < 0.5


@given(st.binary(max_size=200))
def test_nothing_but_bad_certificate_comes_of_any_octets(data: bytes) -> None:
    for text in (data, b"-----BEGIN CERTIFICATE-----" + data + b"-----END CERTIFICATE-----"):
        with pytest.raises(EvercertError) as raised:
            split_pem(text)
        assert raised.value.code.name == "bad-certificate"


def test_what_was_asked_for_is_accepted() -> None:
    check_issued(_CHAIN, _KEY.spki, _NAMES, NOW)
    check_issued((*_CHAIN, _ROOT.der), _KEY.spki, _NAMES[::-1], NOW)


@pytest.mark.parametrize("key_type", [KeyType.RSA2048, KeyType.ED25519, KeyType.MLDSA65])
def test_an_issuer_may_sign_with_any_kind_of_key(key_type: KeyType) -> None:
    issuer = Authority("Other kind", key_type)
    check_issued((issuer.issue(_KEY, "a.test", "b.test"), issuer.der), _KEY.spki, _NAMES, NOW)


def test_another_key_is_refused() -> None:
    assert "another key" in refusal_of(_CHAIN, spki=generate(KeyType.EC256).spki)


def test_a_name_too_few_and_a_name_too_many_are_refused_by_their_names() -> None:
    assert "lacks c.test" in refusal_of(_CHAIN, identifiers=parse_identifiers(("a.test", "b.test", "c.test")))
    assert "has b.test" in refusal_of(_CHAIN, identifiers=parse_identifiers(("a.test",)))


def test_a_wildcard_is_not_the_name_below_it() -> None:
    refusal_of((_MIDDLE.issue(_KEY, "www.a.test"),), identifiers=parse_identifiers(("*.a.test",)))


def test_a_certificate_that_has_ended_or_begins_later_is_refused_with_the_clock_in_mind() -> None:
    assert "clock" in refusal_of(_CHAIN, now=NOW + timedelta(days=7))
    assert "clock" in refusal_of(_CHAIN, now=NOW - timedelta(hours=2, seconds=1))


def test_a_cas_clock_may_be_an_hour_ahead() -> None:
    check_issued(_CHAIN, _KEY.spki, _NAMES, NOW - timedelta(hours=2))


def test_a_chain_in_disorder_is_refused() -> None:
    assert "order" in refusal_of((_LEAF, _ROOT.der, _MIDDLE.der))
    assert "order" in refusal_of((_LEAF, Authority("Middle").der))


def test_no_chain_at_all_is_refused() -> None:
    assert "empty" in refusal_of(())


def test_a_preferred_chain_is_known_by_an_issuers_name_a_fingerprint_or_its_top_key() -> None:
    key_id = x509.SubjectKeyIdentifier.from_public_key(_ROOT.key.crypto.public_key()).digest
    named = _ROOT.issue(
        _MIDDLE.key,
        name=_MIDDLE.name,
        extensions=[x509.AuthorityKeyIdentifier.from_issuer_public_key(_ROOT.key.crypto.public_key())],
    )
    chain = (_LEAF, named)
    fingerprint = read_certificate(named).fingerprint
    colons = ":".join(fingerprint[at : at + 2] for at in range(0, 64, 2)).upper()
    for wanted in ("Root One", " root one ", "Middle", fingerprint, colons, key_id.hex()):
        assert matches_preferred(chain, wanted)
    for wanted in ("Root", "Root Two", fingerprint[:32], "a.test", ""):
        assert not matches_preferred(chain, wanted)
