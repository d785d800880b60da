"""What operators do (servers.md: free EAB with names, ARI with incidents, a list of what was issued, an audit)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from evercert.acme.jose import external_account_binding
from evercert.base.errors import EvercertError
from evercert.ca.operating import auditing, external, incident
from evercert.ca.operating.external import HandedOut
from evercert.ca.operating.office import Office
from evercert.ca.store.operating import Wanted, find
from evercert.pki.cert import read_certificate
from tests.ca.given import BASE, World
from tests.ca.protocol.test_certificates import csr_for, info_url, issued
from tests.ca.protocol.wire import Wire, kind_of, read

NEW = f"{BASE}/acme/new-account"


async def bound(wire: Wire, out: HandedOut) -> Any:
    binding = external_account_binding(out.key.kid, out.hmac_key, "HS256", wire.key.jwk, NEW)
    return await wire.register(externalAccountBinding=binding)


async def test_a_key_for_one_account_is_used_up_by_it(world: World, wire: Wire, office: Office) -> None:
    out = await external.hand_out(office, label="build servers")
    assert (await bound(wire, out)).status == 201
    assert kind_of(await bound(Wire(world.node.site), out)) == "unauthorized"


async def test_a_key_for_many_serves_until_it_is_taken_back_or_ends(world: World, wire: Wire, office: Office) -> None:
    end = world.clock.now() + timedelta(days=2)
    out = await external.hand_out(office, reusable=True, expires_at=end)
    for _ in range(3):
        assert (await bound(Wire(world.node.site), out)).status == 201
    assert (await bound(wire, out)).status == 201
    world.clock.advance(timedelta(days=3))
    assert kind_of(await bound(Wire(world.node.site), out)) == "unauthorized"
    other = await external.hand_out(office, reusable=True)
    await external.take_back(office, other.key.kid)
    assert kind_of(await bound(Wire(world.node.site), other)) == "unauthorized"
    with pytest.raises(EvercertError, match="no key"):
        await external.take_back(office, other.key.kid)


async def test_names_that_a_key_authorizes_need_no_challenge(world: World, wire: Wire, office: Office) -> None:
    out = await external.hand_out(office, authorizes=True, names=[".hosts.corp.test"])
    await bound(wire, out)
    order = read(await wire.order("a.hosts.corp.test", "b.hosts.corp.test"))
    assert order["status"] == "ready"
    assert kind_of(await wire.order("www.corp.test")) == "rejectedIdentifier"
    names = ("a.hosts.corp.test", "b.hosts.corp.test")
    assert read(await wire.post(order["finalize"], csr_for(*names)))["status"] == "valid"
    granted = [each.body["identifier"] for each in await auditing.latest(office.db, 10, "granted")]
    assert sorted(granted) == sorted(names)
    await external.take_back(office, out.key.kid)
    assert kind_of(await wire.order("c.hosts.corp.test")) == "unauthorized"


async def test_a_key_may_be_for_some_profiles_only(wire: Wire, office: Office) -> None:
    await bound(wire, await external.hand_out(office, profiles=["shortlived"]))
    assert kind_of(await wire.order("www.example.test")) == "invalidProfile"
    assert (await wire.order("www.example.test", profile="shortlived")).status == 201
    with pytest.raises(EvercertError, match="no profile"):
        await external.hand_out(office, profiles=["nothing"])


async def test_certificates_are_found_by_what_is_known_of_them(world: World, wire: Wire, office: Office) -> None:
    first = read_certificate(await issued(world, wire, "www.example.test"))
    world.clock.advance(timedelta(days=1))
    wire.forget()
    second = read_certificate(await issued(world, wire, "api.example.test", "example.test"))
    await office.revoke(first.serial[:20], 4)

    async def serials(**wanted: Any) -> list[str]:
        return [each.serial for each in await find(office.db, Wanted(**wanted), 10)]

    assert await serials() == [second.serial, first.serial]
    assert await serials(name="www.example.test") == [first.serial]
    assert await serials(name="*.example.test") == [second.serial, first.serial]
    assert await serials(name="example.test") == [second.serial]
    assert await serials(name="%") == []
    assert await serials(serial=first.serial[:12].upper()) == [first.serial]
    assert await serials(revoked=True) == [first.serial]
    assert await serials(revoked=False) == [second.serial]
    assert await serials(profile="nothing") == []
    assert await serials(issued_before=world.clock.now() - timedelta(hours=1)) == [first.serial]
    with pytest.raises(EvercertError, match="no certificate"):
        await office.certificate("ffff")


async def test_an_incident_asks_for_renewal_until_it_is_closed(world: World, wire: Wire, office: Office) -> None:
    der = await issued(world, wire, "www.example.test")
    usual = read(await wire.get(info_url(der)))
    why = "https://status.example.test/42"
    assert await incident.declare(office, Wanted(name="*.example.test"), why, timedelta(hours=12)) == 1
    moved = read(await wire.get(info_url(der)))
    assert (moved["explanationURL"], moved["suggestedWindow"]["start"][:10]) == (why, "2026-01-01")
    (shown,) = await incident.open_incidents(office)
    assert (shown.explanation, shown.certificates, shown.replaced) == (why, 1, 0)
    assert await incident.close(office, why) == 1
    assert read(await wire.get(info_url(der))) == usual
    for act in (incident.close(office, why), incident.declare(office, Wanted(name="no.test"), why, timedelta(hours=1))):
        with pytest.raises(EvercertError):
            await act
    assert len(await auditing.latest(office.db, 10, "incident closed")) == 1


async def test_a_second_revocation_says_that_there_was_one(world: World, wire: Wire, office: Office) -> None:
    serial = read_certificate(await issued(world, wire, "www.example.test")).serial
    await office.revoke(serial, 4)
    with pytest.raises(EvercertError, match=f"{serial} is revoked already, since 20") as raised:
        await office.revoke(serial, 1)
    assert raised.value.code.name == "conflict"


async def test_the_audit_tells_who_did_what_and_proves_itself(world: World, wire: Wire, office: Office) -> None:
    der = await issued(world, wire, "www.example.test")
    await office.revoke(read_certificate(der).serial, 1)
    records = await auditing.latest(office.db, 100)
    assert [each.kind for each in records][:2] == ["revoked", "issued"]
    assert records[0].body["by"] == "operator tester"
    verified = await auditing.verify(office.db)
    assert verified.records == len(records) == verified.id
    assert await auditing.verify(office.db, (verified.id, verified.hash)) == verified
    with pytest.raises(EvercertError, match="broken"):
        await auditing.verify(office.db, (verified.id, "0" * 64))
    with pytest.raises(EvercertError, match="broken"):
        await auditing.verify(office.db, (verified.id + 1, verified.hash))
