"""Incidents of servers that did not look whose a resource is, or who asks at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import LiteralString

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from evercert.acme.jose import CONTENT_TYPE, key_change, unb64url
from evercert.base.serving import Answer
from evercert.ca.profiles.profile import BUILT_IN
from evercert.db.protocol import Query
from evercert.pki.cert import read_certificate
from evercert.pki.keys import KeyType, PrivateKey, generate
from tests.ca.given import BASE, World, a_ca
from tests.ca.protocol.test_certificates import REVOKE, csr_for, issued, ready, recurring
from tests.ca.protocol.wire import Wire, encoded, header, kind_of, read

NAME = "www.example.test"
CHANGE = f"{BASE}/acme/key-change"
_TABLES: tuple[LiteralString, ...] = (
    "SELECT * FROM accounts ORDER BY id",
    "SELECT * FROM orders ORDER BY id",
    "SELECT * FROM authorizations ORDER BY id",
    "SELECT * FROM certificates ORDER BY serial",
    "SELECT * FROM blocked_keys ORDER BY key_digest",
    "SELECT count(*) FROM audit",
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_ca(tmp_path / "ca") as world:
        yield world


async def kept(world: World) -> list[object]:
    """All that the CA holds of its customers."""
    return await world.node.desk.db.read(*(Query("kept", sql)() for sql in _TABLES))


async def everything_of(world: World, owner: Wire) -> dict[str, str]:
    """One of each resource, and what names it elsewhere."""
    der = await issued(world, owner, NAME)
    waiting = await owner.order("waiting.example.test")
    (authorization,) = read(waiting)["authorizations"]
    star = await ready(world, owner, "star.example.test", **{"auto-renewal": recurring()})
    certificate = read(await owner.post(star["finalize"], csr_for("star.example.test")))["star-certificate"]
    return {
        "account": owner.kid,
        "orders": f"{owner.kid}/orders",
        "order": header(waiting, "location"),
        "finalize": (await ready(world, owner, "ready.example.test"))["finalize"],
        "authorization": authorization,
        "challenge": read(await owner.post(authorization))["challenges"][0]["url"],
        "certificate": f"{BASE}/acme/certificate/{read_certificate(der).serial}",
        "star": certificate,
        "der": encoded(der),
        "replaces": read_certificate(der).ari_id,
    }


async def test_a2c_373_nothing_of_another_account_is_read_changed_or_used(world: World) -> None:
    """The matrix: every resource, every payload that would do something to it, by an account that it is not."""
    owner, other = Wire(world.node.site), Wire(world.node.site)
    found = await everything_of(world, owner)
    await other.register()
    before = await kept(world)
    matrix: Mapping[str, tuple[object, ...]] = {
        "account": (None, {}, {"contact": []}, {"status": "deactivated"}),
        "orders": (None,),
        "order": (None, {}, {"status": "canceled"}),
        "finalize": (csr_for("ready.example.test"), None),
        "authorization": (None, {}, {"status": "deactivated"}),
        "challenge": (None, {}),
        "certificate": (None,),
        "star": (None,),
    }
    for kind, payloads in matrix.items():
        for payload in payloads:
            answer = await other.post(found[kind], payload)
            assert (kind, payload, answer.status, kind_of(answer)) == (kind, payload, 403, "unauthorized")
    stolen = key_change(other.key, generate(KeyType.EC256), account_url=owner.kid, url=CHANGE)
    for answer, kind in (
        (await other.post(REVOKE, {"certificate": found["der"]}), "unauthorized"),
        (await other.order(NAME, replaces=found["replaces"]), "unauthorized"),
        (await other.raw(CHANGE, await other.signed(CHANGE, stolen)), "malformed"),
    ):
        assert kind_of(answer) == kind
    assert await kept(world) == before


async def test_a2c_373_nobody_acts_as_another_account_by_its_url(world: World) -> None:
    """The key is what makes an account, and not the kid that is written."""
    owner, other = Wire(world.node.site), Wire(world.node.site)
    await owner.register()
    await other.register()
    order = header(await owner.order(NAME), "location")
    assert kind_of(await other.post(order, kid=owner.kid)) == "malformed"
    assert kind_of(await other.post(order, kid=f"{owner.kid}/")) == "accountDoesNotExist"


_ENTRIES = (
    "sign", "1.0/sign", "renew", "rekey", "ssh/sign", "scep", "scep/x", "est/simpleenroll", "cmp", "acme/sign",
    "acme/new-cert", "acme/new-reg", "acme/certificate", "acme/order", "v1/pki/sign/x", "admin/sign", "api/sign",
    ".well-known/est/simpleenroll",
)  # fmt: skip


@pytest.mark.parametrize("entry", _ENTRIES)
async def test_cve_2025_44005_and_cve_2026_30836_nothing_is_signed_but_through_an_order(
    world: World, entry: str
) -> None:
    """step-ca signed what other entries asked for: a token of an ACME provisioner at /sign, a SCEP UpdateReq."""
    wire = Wire(world.node.site)
    await wire.register()
    before = await kept(world)
    csr = unb64url(csr_for(NAME)["csr"])
    for body, kind in ((csr, "application/pkcs10"), (b'{"csr":"x","ott":"x"}', "application/json")):
        assert (await wire.raw(f"{BASE}/{entry}", body, content_type=kind)).status in {401, 404, 405, 415}
    answer = await wire.raw(f"{BASE}/{entry}", await wire.signed(f"{BASE}/{entry}", csr))
    assert answer.status in {401, 404, 405}
    assert await kept(world) == before


async def test_cve_2026_30836_no_message_without_credentials_does_anything(world: World) -> None:
    wire = Wire(world.node.site)
    found = await everything_of(world, wire)
    before = await kept(world)
    places = [each for each in found.values() if each.startswith("https:")]
    places += [f"{BASE}/acme/{each}" for each in ("new-account", "new-order", "new-authz", "revoke-cert", "key-change")]
    for place in places:
        for body in (b"", b"{}", b'{"status":"deactivated"}', b'{"protected":"e30","payload":"","signature":""}'):
            assert (await wire.raw(place, body)).status in {400, 401, 403}, place
    assert await kept(world) == before


async def revoked(world: World, der: bytes) -> bool:
    rows = await world.node.desk.db.rows(
        Query("revoked", "SELECT revoked_at FROM certificates WHERE serial = :serial")(
            serial=read_certificate(der).serial
        )
    )
    return rows[0][0] is not None


async def test_cve_2025_66406_a_valid_certificate_of_another_subject_revokes_nothing(world: World) -> None:
    owner, other, key = Wire(world.node.site), Wire(world.node.site), generate(KeyType.EC256)
    der = await issued(world, owner, NAME)
    await issued(world, other, "other.example.test", key=key)
    assert kind_of(await other.post(REVOKE, {"certificate": encoded(der)}, key=key, kid="")) == "unauthorized"
    assert not await revoked(world, der)


async def test_adcs_115_a_forged_signature_revokes_nothing(world: World) -> None:
    """Neither a signature of nobody's under the right key, nor a certificate of one's own under a serial of another."""
    key, stranger = generate(KeyType.EC256), generate(KeyType.EC256)
    wire = Wire(world.node.site)
    der = await issued(world, wire, NAME, key=key)
    forged = _Claiming(key, stranger)
    assert kind_of(await wire.post(REVOKE, {"certificate": encoded(der)}, key=forged, kid="")) == "malformed"
    twin = imitated(der, stranger)
    assert (await wire.post(REVOKE, {"certificate": encoded(twin)}, key=stranger, kid="")).status == 404
    assert not await revoked(world, der)


async def test_adcs_115_an_unprotected_kid_is_not_trusted(world: World) -> None:
    owner, other = Wire(world.node.site), Wire(world.node.site)
    der = await issued(world, owner, NAME)
    await other.register()
    signed = await other.signed(REVOKE, b'{"certificate":"%s"}' % encoded(der).encode())
    with_kid = signed.removesuffix(b"}") + b',"header":{"kid":"%s"}}' % owner.kid.encode()
    assert kind_of(await other.raw(REVOKE, with_kid)) == "malformed"
    assert not await revoked(world, der)


class _Claiming:
    """Shows one key and signs with another."""

    def __init__(self, shown: PrivateKey, used: PrivateKey) -> None:
        self.jwk, self.jws_alg, self.sign_jws = shown.jwk, used.jws_alg, used.sign_jws


def imitated(der: bytes, key: PrivateKey) -> bytes:
    """A certificate with the same serial, names and issuer, for another key and signed by that."""
    given = x509.load_der_x509_certificate(der)
    builder = (
        x509.CertificateBuilder()
        .serial_number(given.serial_number)
        .subject_name(given.subject)
        .issuer_name(given.issuer)
        .not_valid_before(given.not_valid_before_utc)
        .not_valid_after(given.not_valid_after_utc)
        .public_key(key.crypto.public_key())
    )
    for extension in given.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(key.crypto, hashes.SHA256()).public_bytes(Encoding.DER)


async def test_a2c_a_request_for_one_resource_serves_at_no_other(world: World) -> None:
    """a2c's router believed the `url` that was signed: whoever saw a request could send it elsewhere."""
    owner = Wire(world.node.site)
    found = await everything_of(world, owner)
    before = await kept(world)
    places = [each for each in found.values() if each.startswith("https:")] + [f"{BASE}/acme/new-order", REVOKE]
    for signed_for in places:
        for place in places:
            if place != signed_for:
                body = await owner.signed(signed_for, b'{"status":"deactivated"}')
                assert await at(owner, place, body) == "unauthorized", (signed_for, place)
    for place in (f"{owner.kid}?x=1", f"{owner.kid}/", owner.kid.replace("/acme/", "//acme/")):
        assert (await owner.raw(place, await owner.signed(owner.kid, b"{}"))).status in {403, 404, 405}
    assert await kept(world) == before


async def at(wire: Wire, place: str, body: bytes) -> str:
    return kind_of(await wire.raw(place, body, content_type=CONTENT_TYPE))


# "ACME++": what was proved once and is not true any more


async def status_of_order(wire: Wire, *names: str) -> str:
    return str(read(await wire.order(*names))["status"])


async def test_acme_plus_plus_what_was_proved_serves_no_longer_than_it_holds(world: World) -> None:
    wire = Wire(world.node.site)
    await wire.register()
    order = await ready(world, wire, NAME)
    assert await status_of_order(wire, NAME) == "ready"
    await wire.post(order["authorizations"][0], {"status": "deactivated"})
    assert await status_of_order(wire, NAME) == "pending"
    await ready(world, wire, NAME)
    world.clock.advance(BUILT_IN["default"].authorization_reuse + timedelta(days=8))
    wire.forget()
    assert await status_of_order(wire, NAME) == "pending"


async def test_acme_plus_plus_a_key_change_keeps_what_was_proved_and_a_deactivation_ends_it(world: World) -> None:
    wire, new = Wire(world.node.site), generate(KeyType.EC256)
    await wire.register()
    order = await ready(world, wire, NAME)
    changed = key_change(wire.key, new, account_url=wire.kid, url=CHANGE)
    assert (await wire.raw(CHANGE, await wire.signed(CHANGE, changed))).status == 200
    wire.key = new
    assert await status_of_order(wire, NAME) == "ready"
    await wire.post(wire.kid, {"status": "deactivated"})
    answer: Answer = await wire.post(order["finalize"], csr_for(NAME))
    assert (answer.status, kind_of(answer)) == (401, "unauthorized")
    heir = Wire(world.node.site)
    await heir.register()
    assert await status_of_order(heir, NAME) == "pending"


async def test_acme_plus_plus_the_new_owner_of_a_name_gets_it_and_can_revoke_the_old_ones_certificate(
    world: World,
) -> None:
    """RFC 8555 §7.6: whoever holds the names now ends what was issued for them before."""
    seller, buyer = Wire(world.node.site), Wire(world.node.site)
    der = await issued(world, seller, NAME)
    await buyer.register()
    await ready(world, buyer, NAME)
    assert (await buyer.post(REVOKE, {"certificate": encoded(der)})).status == 200
