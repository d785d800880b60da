"""Finalize, download, revocation, renewal information (RFC 8555 §7.4, §7.6; RFC 9773; RFC 8739)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evercert.base.names import parse_identifiers
from evercert.ca.nouns import Certificate
from evercert.ca.protocol.replacing import window_of
from evercert.ca.protocol.revocation import REASONS
from evercert.pki.cert import read_certificate
from evercert.pki.chain import split_pem
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, PrivateKey, generate
from tests.ca.given import BASE, World
from tests.ca.protocol.test_orders import prove
from tests.ca.protocol.wire import Wire, encoded, header, kind_of, read

REVOKE = f"{BASE}/acme/revoke-cert"


def csr_for(*names: str, key: PrivateKey | None = None) -> dict[str, str]:
    return {"csr": encoded(build_csr(key or generate(KeyType.EC256), parse_identifiers(names)))}


async def ready(world: World, wire: Wire, *names: str, **more: Any) -> dict[str, Any]:
    """A new order of the account, with everything proved."""
    answer = await wire.order(*names, **more)
    for authorization in read(answer)["authorizations"]:
        await prove(world, wire, authorization)
    return read(await wire.post(header(answer, "location")))


async def issued(world: World, wire: Wire, *names: str, key: PrivateKey | None = None, **more: Any) -> bytes:
    """A certificate (DER) of the account."""
    if not wire.kid:
        await wire.register()
    order = await ready(world, wire, *names, **more)
    done = read(await wire.post(order["finalize"], csr_for(*names, key=key)))
    return split_pem((await wire.post(done["certificate"])).body)[0]


async def test_a_certificate_is_what_was_asked_for(world: World, wire: Wire) -> None:
    key = generate(KeyType.EC384)
    view = read_certificate(await issued(world, wire, "www.example.test", "example.test", key=key))
    assert set(view.identifiers) == set(parse_identifiers(("www.example.test", "example.test")))
    assert view.spki == key.spki
    assert timedelta(days=89) < view.not_after - world.clock.now() <= timedelta(days=90)


async def test_an_order_is_not_finalized_before_it_is_ready(wire: Wire) -> None:
    await wire.register()
    order = read(await wire.order("www.example.test"))
    assert kind_of(await wire.post(order["finalize"], csr_for("www.example.test"))) == "orderNotReady"


async def test_a_request_that_is_not_for_the_order_leaves_it_ready(world: World, wire: Wire) -> None:
    await wire.register()
    order = await ready(world, wire, "www.example.test")
    for payload in (
        csr_for("other.example.test"),
        csr_for("www.example.test", "other.example.test"),
        csr_for("www.example.test", key=wire.key),
        {"csr": "AAAA"},
        {"csr": "not base64url!"},
    ):
        assert kind_of(await wire.post(order["finalize"], payload)) == "badCSR"
    assert read(await wire.post(order["finalize"], csr_for("www.example.test")))["status"] == "valid"


async def test_finalizing_again_with_the_same_request_is_no_harm(world: World, wire: Wire) -> None:
    await wire.register()
    order, payload = await ready(world, wire, "www.example.test"), csr_for("www.example.test")
    first, again = await wire.post(order["finalize"], payload), await wire.post(order["finalize"], payload)
    assert read(first)["certificate"] == read(again)["certificate"]
    assert kind_of(await wire.post(order["finalize"], csr_for("www.example.test"))) == "orderNotReady"


async def test_of_many_that_finalize_at_once_one_gets_a_certificate(world: World, wire: Wire) -> None:
    await wire.register()
    order = await ready(world, wire, "www.example.test")
    racers = [Wire(world.node.site, wire.key, wire.kid) for _ in range(20)]
    answers = await asyncio.gather(*(racer.post(order["finalize"], csr_for("www.example.test")) for racer in racers))
    assert sorted(kind_of(answer) for answer in answers) == ["", *["orderNotReady"] * 19]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "application/pem-certificate-chain"),
        ("*/*", "application/pem-certificate-chain"),
        ("application/pkix-cert", "application/pkix-cert"),
        ("application/pkcs7-mime", "application/pkcs7-mime"),
        ("application/pkix-cert;q=0.1, application/pkcs7-mime;q=0.9", "application/pkcs7-mime"),
        ("text/html", "application/pem-certificate-chain"),
        ("application/pkix-cert;q=nonsense", "application/pem-certificate-chain"),
    ],
)
async def test_the_form_is_negotiated(world: World, wire: Wire, accept: str, form: str) -> None:
    await wire.register()
    order = await ready(world, wire, "www.example.test")
    url = read(await wire.post(order["finalize"], csr_for("www.example.test")))["certificate"]
    answer = await wire.raw(url, await wire.signed(url, None), accept=accept)
    assert (answer.status, header(answer, "content-type")) == (200, form)
    assert any('rel="up"' in value for key, value in answer.headers if key == "link") == (
        form == "application/pkix-cert"
    )


async def test_a_chain_that_there_is_not_is_not_found(world: World, wire: Wire) -> None:
    await wire.register()
    order = await ready(world, wire, "www.example.test")
    url = read(await wire.post(order["finalize"], csr_for("www.example.test")))["certificate"]
    assert (await wire.post(f"{url}/7")).status == 404
    assert kind_of(await wire.post(url, {})) == "malformed"
    other = Wire(world.node.site)
    await other.register()
    assert kind_of(await other.post(url)) == "unauthorized"


@pytest.mark.parametrize("reason", sorted(REASONS))
async def test_a_certificate_is_revoked_once_with_any_reason(world: World, wire: Wire, reason: int) -> None:
    der = encoded(await issued(world, wire, "www.example.test"))
    assert (await wire.post(REVOKE, {"certificate": der, "reason": reason})).status == 200
    assert kind_of(await wire.post(REVOKE, {"certificate": der})) == "alreadyRevoked"


@pytest.mark.parametrize("reason", [-1, 7, 8, 11, 10**9])
async def test_a_reason_that_there_is_not_revokes_nothing(world: World, wire: Wire, reason: int) -> None:
    der = encoded(await issued(world, wire, "www.example.test"))
    assert kind_of(await wire.post(REVOKE, {"certificate": der, "reason": reason})) == "badRevocationReason"
    assert (await wire.post(REVOKE, {"certificate": der})).status == 200


async def test_a_certificate_is_revoked_by_its_own_key_and_by_no_other(world: World, wire: Wire) -> None:
    key = generate(KeyType.EC256)
    der = encoded(await issued(world, wire, "www.example.test", key=key))
    stranger = await wire.post(REVOKE, {"certificate": der}, key=generate(KeyType.EC256), kid="")
    assert kind_of(stranger) == "unauthorized"
    assert (await wire.post(REVOKE, {"certificate": der}, key=key, kid="")).status == 200


async def test_a_certificate_is_revoked_by_whoever_may_have_all_its_names(world: World, wire: Wire) -> None:
    der = encoded(await issued(world, wire, "a.example.test", "b.example.test"))
    other = Wire(world.node.site)
    await other.register()
    await ready(world, other, "a.example.test")
    assert kind_of(await other.post(REVOKE, {"certificate": der})) == "unauthorized"
    await ready(world, other, "b.example.test")
    # That would block a key which it may never have seen.
    assert kind_of(await other.post(REVOKE, {"certificate": der, "reason": 1})) == "badRevocationReason"
    assert (await other.post(REVOKE, {"certificate": der})).status == 200


async def test_a_key_that_was_compromised_is_not_certified_again(world: World, wire: Wire) -> None:
    key = generate(KeyType.EC256)
    der = encoded(await issued(world, wire, "www.example.test", key=key))
    await wire.post(REVOKE, {"certificate": der, "reason": 1})
    order = read(await wire.order("www.example.test"))
    assert kind_of(await wire.post(order["finalize"], csr_for("www.example.test", key=key))) == "badCSR"


async def test_what_is_not_ours_is_not_revoked(world: World, wire: Wire) -> None:
    der = await issued(world, wire, "www.example.test")
    changed = der[:-1] + bytes([der[-1] ^ 1])
    assert kind_of(await wire.post(REVOKE, {"certificate": encoded(changed)})) == "malformed"
    assert kind_of(await wire.post(REVOKE, {"certificate": "AAAA"})) == "malformed"


def info_url(der: bytes) -> str:
    return f"{BASE}/acme/renewal-info/{read_certificate(der).ari_id}"


async def test_renewal_is_suggested_by_life_and_at_once_for_what_is_revoked(world: World, wire: Wire) -> None:
    der = await issued(world, wire, "www.example.test")
    answer = await wire.get(info_url(der))
    window = read(answer)["suggestedWindow"]
    assert header(answer, "retry-after") == "21600"
    assert "2026-03-01T" in window["start"] < window["end"]
    await wire.post(REVOKE, {"certificate": encoded(der)})
    assert read(await wire.get(info_url(der)))["suggestedWindow"]["end"] < world.clock.now().isoformat()


def _signed(begin: datetime, end: datetime, at: datetime) -> Certificate:
    return Certificate("1", 1, 1, "issuing-1", "web", parse_identifiers(("a.test",)), begin, end, at, "digest")


@pytest.mark.parametrize("life", [timedelta(minutes=2), timedelta(hours=1), timedelta(days=6), timedelta(days=90)])
def test_renewal_is_never_suggested_for_what_was_just_signed(life: timedelta) -> None:
    """However long before its signature it begins: a CA that does so has its clients renew without end."""
    for backdate in (timedelta(), life / 10, life / 2):
        signed = datetime(2026, 1, 1, tzinfo=UTC)
        begin = signed - backdate
        start, end = window_of(_signed(begin, begin + life, signed), signed)
        assert signed + (life - backdate) * 0.4 < start < end < begin + life


@pytest.mark.parametrize("ari_id", ["AAAA.AAAA", "nonsense", "....", "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", "a.b=c"])
async def test_renewal_of_what_is_not_known_is_not_suggested(wire: Wire, ari_id: str) -> None:
    assert kind_of(await wire.get(f"{BASE}/acme/renewal-info/{ari_id}")) == "malformed"


async def test_one_order_replaces_a_certificate(world: World, wire: Wire) -> None:
    der = await issued(world, wire, "www.example.test")
    replaces = read_certificate(der).ari_id
    order = await wire.order("www.example.test", replaces=replaces)
    assert read(order)["replaces"] == replaces
    assert read(await wire.order("www.example.test", replaces=replaces))["finalize"] == read(order)["finalize"]
    other = await wire.order("www.example.test", "b.example.test", replaces=replaces)
    assert (other.status, kind_of(other)) == (409, "alreadyReplaced")


async def test_what_came_to_nothing_replaces_nothing(world: World, wire: Wire) -> None:
    der = await issued(world, wire, "www.example.test")
    replaces = read_certificate(der).ari_id
    first = await wire.order("www.example.test", "gone.example.test", replaces=replaces)
    for authorization in read(first)["authorizations"]:
        await wire.post(authorization, {"status": "deactivated"})
    assert (await wire.order("www.example.test", "b.example.test", replaces=replaces)).status == 201


async def test_only_a_certificate_of_ones_own_with_a_name_in_common_is_replaced(world: World, wire: Wire) -> None:
    replaces = read_certificate(await issued(world, wire, "www.example.test")).ari_id
    assert kind_of(await wire.order("other.example.test", replaces=replaces)) == "malformed"
    other = Wire(world.node.site)
    await other.register()
    assert kind_of(await other.order("www.example.test", replaces=replaces)) == "unauthorized"


def recurring(**changes: Any) -> dict[str, Any]:
    return {"end-date": "2026-01-03T00:00:00Z", "lifetime": 7200, "allow-certificate-get": True, **changes}


async def test_a_recurrent_order_yields_certificates_one_after_the_other(world: World, wire: Wire) -> None:
    await wire.register()
    order = await ready(world, wire, "www.example.test", **{"auto-renewal": recurring()})
    done = read(await wire.post(order["finalize"], csr_for("www.example.test")))
    url = done["star-certificate"]
    first = await wire.get(url)
    assert header(first, "cert-not-after")
    world.clock.advance(timedelta(minutes=61))
    wire.forget()
    await world.node.issuance.recur()
    second = await wire.get(url)
    serials = {read_certificate(split_pem(each.body)[0]).serial for each in (first, second)}
    assert len(serials) == 2
    cancelled = await wire.post(done["finalize"].removesuffix("/finalize"), {"status": "canceled"})
    assert read(cancelled)["status"] == "canceled"
    assert kind_of(await wire.get(url)) == "autoRenewalCanceled"


async def test_a_recurrent_order_comes_to_its_end(world: World, wire: Wire) -> None:
    await wire.register()
    order = await ready(world, wire, "www.example.test", **{"auto-renewal": recurring()})
    done = read(await wire.post(order["finalize"], csr_for("www.example.test")))
    world.clock.advance(timedelta(days=3))
    wire.forget()
    assert kind_of(await wire.get(done["star-certificate"])) == "autoRenewalExpired"


@pytest.mark.parametrize(
    "changes",
    [
        {"lifetime": 60},
        {"lifetime": 0},
        {"lifetime-adjust": 7200},
        {"end-date": "2020-01-01T00:00:00Z"},
        {"end-date": "2036-01-01T00:00:00Z"},
        {"start-date": "2020-01-01T00:00:00Z"},
    ],
)
async def test_a_recurrence_that_makes_no_sense_is_refused(wire: Wire, changes: dict[str, Any]) -> None:
    await wire.register()
    assert kind_of(await wire.order("www.example.test", **{"auto-renewal": recurring(**changes)})) == "malformed"
