"""device-attest-01: the device of the order, the key of the request, and a problem that says why not."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest

from evercert.acme.jose import b64url
from evercert.acme.problem import Problem, ProblemType
from evercert.ca.validation.device_attest01 import (
    check_attested_key,
    evidence_of,
    validate_device_attest01,
    wanted_device,
)
from evercert.pki.keys import KeyType
from tests.fakes.devices import NOW, Device, Manufacturer, hardware_module, permanent_identifier
from tests.pki.hierarchies import key_of

_AUTHORIZATION = "token." + "t" * 43
_KEY, _OTHER = key_of(KeyType.EC256), key_of(KeyType.EC256, "other")
_WANTED = wanted_device("permanent-identifier", "SN-0001")


@pytest.fixture(scope="module")
def maker() -> Manufacturer:
    return Manufacturer()


@pytest.fixture(scope="module")
def device(maker: Manufacturer) -> Device:
    names = permanent_identifier("SN-0001"), hardware_module("1.2.3", b"TPM-1")
    return Device(_OTHER, maker.certify_attestation_key(_OTHER, *names))


def refusal_of(att_obj: str, maker: Manufacturer, kind: str = _WANTED.type, value: str = _WANTED.value) -> str:
    with pytest.raises(Problem) as raised:
        validate_device_attest01(wanted_device(kind, value), att_obj, _AUTHORIZATION, maker.anchors, NOW)
    assert raised.value.type is ProblemType.BAD_ATTESTATION_STATEMENT
    return raised.value.detail


@pytest.mark.parametrize(("kind", "value"), [("permanent-identifier", "SN-0001"), ("hardware-module", "TPM-1/1.2.3")])
def test_a_device_proves_each_of_its_names(maker: Manufacturer, device: Device, kind: str, value: str) -> None:
    written = b64url(device.attest(_KEY, _AUTHORIZATION))
    attested = validate_device_attest01(wanted_device(kind, value), written, _AUTHORIZATION, maker.anchors, NOW)
    assert attested.spki == _KEY.spki


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("permanent-identifier", "SN-0002"),
        ("permanent-identifier", "sn-0001"),
        ("permanent-identifier", "SN-0001 "),
        ("permanent-identifier", "SN-0001/1.2.3"),
        ("permanent-identifier", "TPM-1/1.2.3"),
        ("hardware-module", "TPM-1/1.2.4"),
        ("hardware-module", "SN-0001/1.2.3"),
    ],
)
def test_another_device_is_not_proved_however_near_its_name(
    maker: Manufacturer, device: Device, kind: str, value: str
) -> None:
    words = refusal_of(b64url(device.attest(_KEY, _AUTHORIZATION)), maker, kind, value)
    assert "another device" in words
    assert "SN-0001" not in words


@pytest.mark.parametrize("written", ["", "=", "aGk=", "a", "ab+/", "ab\n", "é", "A" * 87_383, b64url(b"{}")])
def test_what_is_no_attestation_object_is_refused_with_a_reason(maker: Manufacturer, written: str) -> None:
    assert refusal_of(written, maker)


def test_the_reason_of_the_verification_is_told(maker: Manufacturer, device: Device) -> None:
    assert "key authorization" in refusal_of(b64url(device.attest(_KEY, "token." + "u" * 43)), maker)
    stranger = Manufacturer().device().attest(_KEY, _AUTHORIZATION)
    assert "manufacturer that this CA trusts" in refusal_of(b64url(stranger), maker)


def test_a_name_outside_of_the_grammar_is_malformed() -> None:
    for kind, value in (("hardware-module", "TPM-1"), ("permanent-identifier", ""), ("dns", "a.example")):
        with pytest.raises(Problem) as raised:
            wanted_device(kind, value)
        assert raised.value.type is ProblemType.MALFORMED


def test_a_request_for_another_key_than_the_attested_one_is_refused(maker: Manufacturer, device: Device) -> None:
    written = b64url(device.attest(_KEY, _AUTHORIZATION))
    evidence = evidence_of(validate_device_attest01(_WANTED, written, _AUTHORIZATION, maker.anchors, NOW))
    check_attested_key(_KEY.spki, evidence)
    with pytest.raises(Problem) as raised:
        check_attested_key(_OTHER.spki, evidence)
    assert raised.value.type is ProblemType.BAD_CSR


@pytest.mark.parametrize("evidence", ["device-attest-01", "device-attest-01 tpm sha256:"])
def test_evidence_of_an_attestation_without_its_key_admits_no_request(evidence: str) -> None:
    with pytest.raises(Problem):
        check_attested_key(_KEY.spki, evidence)


def test_evidence_names_no_device_and_says_what_was_not_proved(maker: Manufacturer) -> None:
    written, soon = b64url(maker.apple(_KEY, "token", serial="SN-0001")), NOW + timedelta(hours=1)
    evidence = evidence_of(validate_device_attest01(_WANTED, written, _AUTHORIZATION, maker.anchors, soon))
    assert evidence == f"device-attest-01 apple token-only sha256:{sha256(_KEY.spki).hexdigest()}"


def test_other_challenges_attest_no_key() -> None:
    for evidence in ("", "http-01", "dns-01"):
        check_attested_key(_KEY.spki, evidence)
