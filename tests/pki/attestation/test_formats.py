"""The formats `apple` and `step`: another device's way to say the same, and what each does not prove."""

from __future__ import annotations

import cbor2
import pytest
from cryptography import x509

from evercert.base.errors import EvercertError
from evercert.pki.attestation.identifiers import device_identifier
from evercert.pki.attestation.verify import verify
from evercert.pki.keys import KeyType
from tests.fakes.devices import NOW, Manufacturer, att_obj
from tests.pki.hierarchies import key_of

_AUTHORIZATION = "token." + "t" * 43
_KEY = key_of(KeyType.EC256)


@pytest.fixture(scope="module")
def maker() -> Manufacturer:
    return Manufacturer()


def refusal_of(written: bytes, maker: Manufacturer, key_authorization: str = _AUTHORIZATION) -> str:
    with pytest.raises(EvercertError) as raised:
        verify(written, key_authorization, maker.anchors, NOW)
    assert raised.value.code.name == "bad-attestation"
    return raised.value.message


def test_apple_names_a_device_twice_and_binds_the_token_alone(maker: Manufacturer) -> None:
    key = key_of(KeyType.EC384)
    told = verify(maker.apple(key, "token"), _AUTHORIZATION, maker.anchors, NOW)
    names = [device_identifier("permanent-identifier", each) for each in ("C02SERIAL", "00008110-0001")]
    assert (list(told.identifiers), told.spki, told.is_bound_to_account) == (names, key.spki, False)
    assert verify(maker.apple(key, "token"), "token." + "u" * 43, maker.anchors, NOW).spki == key.spki


def test_apples_attestation_for_another_token_or_for_none_is_refused(maker: Manufacturer) -> None:
    assert "nonce" in refusal_of(maker.apple(_KEY, "other"), maker)
    serial = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.840.113635.100.8.9.1"), b"C02SERIAL")
    cached = maker.certify(_KEY, [(serial, False)])
    assert "nonce" in refusal_of(att_obj({"x5c": cached}, "apple"), maker)


def test_apples_attestation_without_a_name_is_refused(maker: Manufacturer) -> None:
    assert "neither" in refusal_of(maker.apple(_KEY, "token", serial="", udid=""), maker)
    assert "neither" in refusal_of(maker.apple(_KEY, "token", serial="A/1.2/3", udid="\x00"), maker)


@pytest.mark.parametrize("key_type", [KeyType.EC256, KeyType.RSA2048])
def test_a_piv_token_names_itself_and_signs_the_key_authorization(maker: Manufacturer, key_type: KeyType) -> None:
    key = key_of(key_type)
    told = verify(maker.step(key, _AUTHORIZATION), _AUTHORIZATION, maker.anchors, NOW)
    assert told.identifiers == (device_identifier("permanent-identifier", "123456"),)
    assert (told.spki, told.is_bound_to_account) == (key.spki, True)


def test_a_piv_token_that_signed_something_else_is_refused(maker: Manufacturer) -> None:
    assert "not signed by" in refusal_of(maker.step(_KEY, "token." + "u" * 43), maker)
    whole = cbor2.loads(maker.step(_KEY, _AUTHORIZATION))
    for sig in (b"", b"\x40", "text", _KEY.sign_bytes(_AUTHORIZATION.encode()), b"\x81" * 9):
        refusal_of(cbor2.dumps(whole | {"attStmt": whole["attStmt"] | {"sig": sig}}), maker)


@pytest.mark.parametrize("body", [b"", b"\x02\x00", b"\x02\x01\xff", b"\x04\x01\x00", b"\x02\x0a" + b"\x7f" * 10])
def test_a_piv_tokens_serial_number_is_a_number(maker: Manufacturer, body: bytes) -> None:
    serial = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.41482.3.7"), body)
    signature = cbor2.dumps(_KEY.sign_bytes(_AUTHORIZATION.encode()))
    chain = maker.certify(_KEY, [(serial, False)])
    refusal_of(att_obj({"x5c": chain, "sig": signature}, "step"), maker)


def test_a_format_is_not_mistaken_for_another(maker: Manufacturer) -> None:
    for kind in ("step", "tpm"):
        whole = cbor2.loads(maker.apple(_KEY, "token")) | {"fmt": kind}
        refusal_of(cbor2.dumps(whole), maker)


@pytest.mark.parametrize(
    "written", [b"\x80", b"\x00", cbor2.dumps({"fmt": "tpm"}), cbor2.dumps({"fmt": 1, "attStmt": {}}), b"\xa0"]
)
def test_what_is_no_attestation_object_is_refused(maker: Manufacturer, written: bytes) -> None:
    refusal_of(written, maker)
