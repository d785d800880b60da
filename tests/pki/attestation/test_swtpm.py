"""Against a real TPM's words (swtpm): its own attestation, over a key authorization, of a key that it made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from evercert.base.errors import EvercertError
from evercert.pki.attestation.identifiers import device_identifier
from evercert.pki.attestation.verify import verify
from evercert.pki.keys import KeyType, generate
from tests.fakes.devices import NOW, Manufacturer, att_obj, hardware_module, permanent_identifier, public_area
from tests.peers.swtpm import AK_HANDLE, Swtpm

_AUTHORIZATION = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA." + "t" * 43
_QUALIFYING = sha256(_AUTHORIZATION.encode()).digest()
_NAMES = permanent_identifier("SN-0001"), hardware_module("1.3.6.1.4.1.99999.1", b"TPM-0001")


@pytest.fixture
def tpm(tmp_path: Path) -> Iterator[Swtpm]:
    with Swtpm(tmp_path) as running:
        yield running


def _spki(pem: bytes) -> bytes:
    return load_pem_public_key(pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def statement(chain: list[bytes], alg: int, certified: tuple[bytes, bytes], area: bytes) -> dict[str, Any]:
    info, signature = certified
    return {"ver": "2.0", "alg": alg, "x5c": chain, "sig": signature, "certInfo": info, "pubArea": area}


def refusal_of(written: bytes, maker: Manufacturer, **more: Any) -> str:
    arguments: dict[str, Any] = {"anchors": maker.anchors, "now": NOW} | more
    with pytest.raises(EvercertError) as raised:
        verify(written, _AUTHORIZATION, **arguments)
    return raised.value.message


@pytest.mark.parametrize(
    ("attester", "alg", "kind"), [("ecc", -7, "ecc:ecdsa"), ("ecc", -7, "rsa2048"), ("rsa", -257, "ecc384")]
)
def test_a_tpm_attests_a_key_of_its_own(tpm: Swtpm, attester: str, alg: int, kind: str) -> None:
    maker = Manufacturer()
    chain = maker.certify_attestation_key(_spki(tpm.make_attestation_key(attester)), *_NAMES)
    area = tpm.make_key(kind)
    told = verify(att_obj(statement(chain, alg, tpm.certify(_QUALIFYING), area)), _AUTHORIZATION, maker.anchors, NOW)
    assert told.spki == _spki(tpm.public_key())
    assert told.identifiers == (
        device_identifier("permanent-identifier", "SN-0001"),
        device_identifier("hardware-module", "TPM-0001/1.3.6.1.4.1.99999.1"),
    )


def test_what_a_tpm_did_not_attest_is_refused(tpm: Swtpm) -> None:
    maker = Manufacturer()
    attester = _spki(tpm.make_attestation_key("ecc"))
    chain = maker.certify_attestation_key(attester, *_NAMES)
    area, certified = tpm.make_key("ecc:ecdsa"), tpm.certify(_QUALIFYING)
    good = statement(chain, -7, certified, area)
    verify(att_obj(good), _AUTHORIZATION, maker.anchors, NOW)

    other_challenge = statement(chain, -7, tpm.certify(sha256(b"another").digest()), area)
    assert "key authorization" in refusal_of(att_obj(other_challenge), maker)
    other_key = good | {"pubArea": public_area(generate(KeyType.EC256).spki)}
    assert "another key" in refusal_of(att_obj(other_key), maker)
    assert "does not end at" in refusal_of(att_obj(good), maker, anchors=Manufacturer().anchors)
    assert "not valid at this time" in refusal_of(att_obj(good), maker, now=NOW + timedelta(days=400))
    other_tpm = maker.certify_attestation_key(generate(KeyType.EC256), *_NAMES)
    assert "not signed by" in refusal_of(att_obj(good | {"x5c": other_tpm}), maker)
    expired = maker.certify_attestation_key(attester, *_NAMES, ends=NOW - timedelta(days=1))
    assert "not valid at this time" in refusal_of(att_obj(good | {"x5c": expired}), maker)


def test_a_key_that_could_leave_its_tpm_is_refused(tpm: Swtpm) -> None:
    maker = Manufacturer()
    chain = maker.certify_attestation_key(_spki(tpm.make_attestation_key("ecc")), *_NAMES)
    area = tpm.make_key("ecc:ecdsa", "sensitivedataorigin|userwithauth|sign")
    words = refusal_of(att_obj(statement(chain, -7, tpm.certify(_QUALIFYING), area)), maker)
    assert "fixedTPM, fixedParent" in words


def test_a_quote_of_another_object_is_not_an_attestation_of_the_key(tpm: Swtpm) -> None:
    maker = Manufacturer()
    chain = maker.certify_attestation_key(_spki(tpm.make_attestation_key("ecc")), *_NAMES)
    area = tpm.make_key("ecc:ecdsa")
    certified = tpm.certify(_QUALIFYING, AK_HANDLE)
    assert "another key" in refusal_of(att_obj(statement(chain, -7, certified, area)), maker)
