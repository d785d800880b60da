"""Devices at the CA: an order for what a TPM is called, its attestation as the answer, a certificate for its key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from evercert.acme.challenge import key_authorization
from evercert.acme.jose import b64url
from evercert.base.serving import Answer
from evercert.ca.profiles.profile import BUILT_IN
from evercert.ca.store import authorizations
from evercert.pki.attestation.identifiers import identifiers_in
from evercert.pki.cert import parsed
from evercert.pki.chain import split_pem
from evercert.pki.keys import KeyType, PrivateKey
from tests.ca.given import BASE, World, a_ca
from tests.ca.protocol.wire import Wire, header, kind_of, read
from tests.fakes.devices import Device, Manufacturer, hardware_module, permanent_identifier
from tests.pki.hierarchies import key_of
from tests.pki.linting import assert_clean

_KEY, _OTHER = key_of(KeyType.EC256), key_of(KeyType.EC256, "other")
_SERIAL, _MODULE = ("permanent-identifier", "SN-0001"), ("hardware-module", "TPM-1/1.3.6.1.4.1.32473.7")


@pytest.fixture(scope="module")
def maker() -> Manufacturer:
    return Manufacturer()


@pytest.fixture(scope="module")
def device(maker: Manufacturer) -> Device:
    names = permanent_identifier("SN-0001"), hardware_module("1.3.6.1.4.1.32473.7", b"TPM-1")
    return Device(_OTHER, maker.certify_attestation_key(_OTHER, *names))


@pytest.fixture
async def world(tmp_path: Path, maker: Manufacturer) -> AsyncIterator[World]:
    default = BUILT_IN["default"]
    names = (*default.names, "permanent-identifier", "hardware-module")
    profile = msgspec.structs.replace(default, names=names, ekus=("clientAuth",))
    async with a_ca(tmp_path / "ca", profiles={"default": profile}, anchors=maker.anchors) as world:
        yield world


@pytest.fixture
async def wire(world: World) -> Wire:
    made = Wire(world.node.site)
    await made.register()
    return made


async def order(wire: Wire, *wanted: tuple[str, str]) -> Answer:
    identifiers = [{"type": kind, "value": value} for kind, value in wanted]
    return await wire.post(f"{BASE}/acme/new-order", {"identifiers": identifiers})


async def attest(wire: Wire, placed: Answer, device: Device, key: PrivateKey = _KEY, token: str = "") -> list[Any]:
    """Answers every challenge of the order, as it is then."""
    answered = []
    for url in read(placed)["authorizations"]:
        (challenge,) = read(await wire.post(url))["challenges"]
        assert challenge["type"] == "device-attest-01"
        written = device.attest(key, key_authorization(token or challenge["token"], wire.key.jwk))
        await wire.post(challenge["url"], {"attObj": b64url(written)})
        answered.append(read(await wire.post(url)))
    return answered


def csr(key: PrivateKey, *names: x509.GeneralName) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return b64url(builder.sign(key.crypto, key.digest).public_bytes(Encoding.DER))


@pytest.mark.parametrize("named", [(), (permanent_identifier("SN-0001"),)])
async def test_a_device_gets_a_certificate_for_the_key_that_it_attested(
    wire: Wire, device: Device, named: tuple[x509.GeneralName, ...]
) -> None:
    placed = await order(wire, _SERIAL, _MODULE)
    assert [each["status"] for each in await attest(wire, placed, device)] == ["valid", "valid"]
    done = read(await wire.post(read(placed)["finalize"], {"csr": csr(_KEY, *named)}))
    assert done["status"] == "valid"
    leaf, issuer, *_ = split_pem((await wire.post(done["certificate"])).body)
    names = parsed(leaf).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert {(each.type, each.value) for each in identifiers_in(names.value)} == {_SERIAL, _MODULE}
    assert_clean(leaf, issuer)


async def test_a_request_with_another_key_or_device_than_the_attested_one_is_refused(
    wire: Wire, device: Device
) -> None:
    placed = await order(wire, _SERIAL)
    await attest(wire, placed, device)
    for wrong in (csr(_OTHER), csr(_KEY, permanent_identifier("SN-0002")), csr(_KEY, x509.DNSName("a.test"))):
        assert kind_of(await wire.post(read(placed)["finalize"], {"csr": wrong})) == "badCSR"
    assert read(await wire.post(read(placed)["finalize"], {"csr": csr(_KEY)}))["status"] == "valid"


async def test_an_attestation_is_for_one_order(wire: Wire, device: Device) -> None:
    placed = await order(wire, _SERIAL)
    await attest(wire, placed, device)
    assert read(await wire.post(read(placed)["finalize"], {"csr": csr(_KEY)}))["status"] == "valid"
    assert read(await order(wire, _SERIAL))["status"] == "pending"


async def test_what_is_not_proved_is_told_and_makes_the_order_invalid(
    wire: Wire, device: Device, maker: Manufacturer
) -> None:
    for wrong, token in ((maker.device("SN-0002"), ""), (device, "other"), (Manufacturer().device("SN-0001"), "")):
        placed = await order(wire, _SERIAL)
        (shown,) = await attest(wire, placed, wrong, token=token)
        error = shown["challenges"][0]["error"]
        assert (shown["status"], error["type"].rpartition(":")[2]) == ("invalid", "badAttestationStatement")
        assert error["detail"]
        assert read(await wire.post(header(placed, "location")))["status"] == "invalid"


async def test_what_a_device_said_of_itself_is_not_kept(world: World, wire: Wire, device: Device) -> None:
    """The draft's "Fingerprinting via Attestation Payloads"; the key's digest stays, as evidence."""
    for asked in (_SERIAL, ("permanent-identifier", "SN-0002")):
        placed = await order(wire, asked)
        await attest(wire, placed, device)
        number = int(read(placed)["authorizations"][0].rpartition("/")[2])
        kept = await authorizations.get(world.node.attempts.db, number)
        assert kept is not None
        assert (kept.response, kept.stored_status) == ("", "valid" if asked == _SERIAL else "invalid")
        assert (sha256(_KEY.spki).hexdigest() in kept.evidence) == (asked == _SERIAL)


async def test_a_device_is_named_by_the_drafts_grammar(wire: Wire) -> None:
    for kind, value in (("hardware-module", "TPM-1"), ("permanent-identifier", "A/1"), ("permanent-identifier", "")):
        assert kind_of(await order(wire, (kind, value))) == "malformed"
    assert kind_of(await order(wire, ("serial", "A"))) == "unsupportedIdentifier"


async def test_a_star_in_a_devices_name_is_no_wildcard(wire: Wire) -> None:
    placed = read(await order(wire, ("permanent-identifier", "*.SN-1")))
    assert placed["identifiers"] == [{"type": "permanent-identifier", "value": "*.SN-1"}]
    shown = read(await wire.post(placed["authorizations"][0]))
    assert shown["identifier"]["value"] == "*.SN-1"
    assert "wildcard" not in shown


async def test_devices_are_certified_only_where_a_profile_says_so(tmp_path: Path) -> None:
    async with a_ca(tmp_path / "other") as world:
        wire = Wire(world.node.site)
        await wire.register()
        assert kind_of(await order(wire, _SERIAL)) == "unsupportedIdentifier"
