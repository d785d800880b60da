"""Certificates for names that nobody has proved, and how they were nearly got."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from evercert.acme.jose import external_account_binding
from evercert.base.names import Identifier
from evercert.base.serving import Answer, Asked
from evercert.ca.admin.callers import Callers
from evercert.ca.node.private import AdminClient
from evercert.ca.nouns import Certificate
from evercert.ca.operating import external
from evercert.ca.operating.office import Office
from evercert.ca.profiles.profile import BUILT_IN, Profile
from evercert.ca.store import certificates
from evercert.pki.issuing import Leaf, sign
from evercert.pki.keys import KeyType
from tests.ca.given import BASE, World, a_ca
from tests.ca.protocol.test_certificates import ready
from tests.ca.protocol.wire import Wire, encoded, header, kind_of, read
from tests.pki.hierarchies import key_of

NEW = f"{BASE}/acme/new-order"
KEY = key_of(KeyType.EC256)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_ca(tmp_path / "ca", profiles={"default": profile()}) as world:
        yield world


def profile() -> Profile:
    default = BUILT_IN["default"]
    names = (*default.names, "uri", "permanent-identifier")
    allow = ("*", "spiffe://corp.test/ns/")
    return msgspec.structs.replace(default, names=names, allow=allow, ekus=("clientAuth",))


@pytest.fixture
def wire(world: World) -> Wire:
    return Wire(world.node.site)


async def order(wire: Wire, *wanted: tuple[str, str, str]) -> Answer:
    """Of identifiers, each `(type, value, ancestor or "")`."""
    identifiers = [
        {"type": kind, "value": value} | ({"ancestorDomain": above} if above else {}) for kind, value, above in wanted
    ]
    return await wire.post(NEW, {"identifiers": identifiers})


async def challenges(wire: Wire, placed: Answer) -> list[set[str]]:
    shown = [read(await wire.post(url)) for url in read(placed)["authorizations"]]
    return [{each["type"] for each in authorization["challenges"]} for authorization in shown]


@pytest.mark.parametrize("turned", [False, True])
async def test_a_page_of_a_name_proves_no_name_below_it(wire: Wire, turned: bool) -> None:
    """The order named the ancestor itself too, and was given one authorization for both: the weaker one."""
    await wire.register()
    wanted = [("dns", "a.test", ""), ("dns", "secret.a.test", "a.test")]
    (offered,) = await challenges(wire, await order(wire, *wanted[:: -1 if turned else 1]))
    assert offered
    assert all(each.startswith("dns") for each in offered)


async def test_a_proof_of_a_name_alone_is_not_taken_for_those_below_it(world: World, wire: Wire) -> None:
    await wire.register()
    first = await order(wire, ("dns", "a.test", ""))
    (url,) = read(first)["authorizations"]
    challenge = next(each for each in read(await wire.post(url))["challenges"] if each["type"] == "http-01")
    world.serve("a.test", challenge["token"], wire.key)
    await wire.post(challenge["url"], {})
    assert read(await wire.post(url))["status"] == "valid"
    both = await order(wire, ("dns", "a.test", ""), ("dns", "secret.a.test", "a.test"))
    assert read(both)["status"] == "pending"


async def test_a_proof_serves_further_orders_for_as_long_as_the_profile_says(world: World, wire: Wire) -> None:
    """It did for as long as its own order might take, which is a week where the profile says seven hours."""
    await wire.register()
    first = await ready(world, wire, "a.test")
    world.clock.advance(profile().authorization_reuse + timedelta(minutes=1))
    wire.forget()
    assert read(await order(wire, ("dns", "a.test", ""), ("dns", "b.test", "")))["status"] == "pending"
    (again,) = await challenges(wire, await wire.order("a.test", notAfter="2026-02-01T00:00:00Z"))
    assert len(again) > 1  # a new one
    assert read(await wire.post(first["finalize"], csr("a.test")))["status"] == "valid"


async def test_a_device_is_not_proved_by_dns(wire: Wire) -> None:
    """Its name ended like a DNS name, and so was taken to be below that."""
    await wire.register()
    assert kind_of(await order(wire, ("permanent-identifier", "SN-1.a.test", "a.test"))) == "malformed"


# External accounts


async def bound(world: World, wire: Wire, *names: str, authorizes: bool = False) -> str:
    """The key's id, once an account of the wire is bound to it."""
    desk = world.node.desk
    office = Office(desk.db, world.clock, Random(3), desk.sealer, desk.profiles, desk.revoking, "tester")
    out = await external.hand_out(office, authorizes=authorizes, names=names)
    binding = external_account_binding(out.key.kid, out.hmac_key, "HS256", wire.key.jwk, f"{BASE}/acme/new-account")
    await wire.register(externalAccountBinding=binding)
    return out.key.kid


async def take_back(world: World, kid: str) -> None:
    desk = world.node.desk
    office = Office(desk.db, world.clock, Random(3), desk.sealer, desk.profiles, desk.revoking, "tester")
    await external.take_back(office, kid)


@pytest.mark.parametrize("authorizes", [False, True])
async def test_an_external_account_gets_no_name_through_one_above_it(
    world: World, wire: Wire, authorizes: bool
) -> None:
    await bound(world, wire, "a.test", authorizes=authorizes)
    assert kind_of(await order(wire, ("dns", "secret.a.test", "a.test"))) == "rejectedIdentifier"
    assert read(await order(wire, ("dns", "a.test", "")))["status"] == ("ready" if authorizes else "pending")


async def test_an_external_account_keeps_to_its_names_whatever_was_proved_before(world: World, wire: Wire) -> None:
    await bound(world, wire, ".a.test", authorizes=True)
    placed = await order(wire, ("dns", "www.a.test", "a.test"))
    assert read(placed)["status"] == "pending"  # the ancestor is none of its names, and has to be proved
    assert kind_of(await order(wire, ("dns", "a.test", ""))) == "rejectedIdentifier"


@pytest.mark.parametrize(("names", "device"), [(["*"], "SN-1"), (["a.test"], "a.test")])
async def test_an_external_account_does_not_vouch_for_devices(
    world: World, wire: Wire, names: Sequence[str], device: str
) -> None:
    await bound(world, wire, *names, authorizes=True)
    placed = await order(wire, ("permanent-identifier", device, ""))
    assert kind_of(placed) == "rejectedIdentifier" or read(placed)["status"] == "pending"


def csr(name: str, *uris: str) -> dict[str, Any]:
    names = [x509.DNSName(name), *map(x509.UniformResourceIdentifier, uris)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return {"csr": encoded(builder.sign(KEY.crypto, SHA256()).public_bytes(Encoding.DER))}


async def test_an_external_account_keeps_to_its_uris(world: World, wire: Wire) -> None:
    """URIs are proved by nothing: who may have which is the profile's word, and the external account's."""
    await bound(world, wire, "a.test", "spiffe://corp.test/ns/web/", authorizes=True)
    placed = read(await order(wire, ("dns", "a.test", "")))
    refused = await wire.post(placed["finalize"], csr("a.test", "spiffe://corp.test/ns/bank/a"))
    assert kind_of(refused) == "badCSR"
    done = await wire.post(placed["finalize"], csr("a.test", "spiffe://corp.test/ns/web/a"))
    assert read(done)["status"] == "valid"


async def test_a_device_does_not_come_in_as_an_operator_of_its_name(world: World) -> None:
    issuer, now = next(iter(world.node.desk.issuers)), world.clock.now()
    leaf = Leaf(serial=0x1234, spki=KEY.spki, identifiers=(), not_before=now, not_after=now + timedelta(days=1))
    for kind in ("permanent-identifier", "dns"):
        callers = Callers(world.node.desk.db, world.clock, [AdminClient(name="ops.corp.test")], takes_tokens=False)
        leaf = replace(leaf, serial=leaf.serial + 1)
        der = sign(leaf, issuer.signer)
        name = Identifier(kind, "ops.corp.test")  # type: ignore[arg-type]  # one of its words
        record = Certificate(
            f"{leaf.serial:x}", 1, 1, issuer.name, "default", (name,), now, leaf.not_after, now, "digest"
        )
        await world.node.desk.db.write(*certificates.added(record, der))
        known = await callers.known(Asked("GET", "/", client_certificate=der))
        assert (known is not None) == (kind == "dns")


async def test_what_an_external_account_had_begun_ends_with_it(world: World, wire: Wire) -> None:
    kid = await bound(world, wire, "a.test", authorizes=True)
    placed = await order(wire, ("dns", "a.test", ""))
    await take_back(world, kid)
    assert kind_of(await wire.post(read(placed)["finalize"], csr("a.test"))) == "unauthorized"
    assert read(await wire.post(header(placed, "location")))["status"] == "ready"
