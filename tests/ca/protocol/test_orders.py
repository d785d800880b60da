"""Orders and authorizations (RFC 8555 §7.1, §7.4, §7.5; RFC 9444)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from evercert.acme.problem import ProblemType
from evercert.base.names import parse_identifiers
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, generate
from tests.ca.given import BASE, World
from tests.ca.protocol.wire import Wire, encoded, header, kind_of, read

NEW = f"{BASE}/acme/new-order"
AUTHZ = f"{BASE}/acme/new-authz"


async def prove(world: World, wire: Wire, authorization: str) -> dict[str, Any]:
    """The authorization after its http-01 was answered rightly."""
    shown = read(await wire.post(authorization))
    challenge = next(each for each in shown["challenges"] if each["type"] == "http-01")
    world.serve(shown["identifier"]["value"], challenge["token"], wire.key)
    await wire.post(challenge["url"], {})
    return read(await wire.post(authorization))


async def test_an_order_shows_what_has_to_be_proved(wire: Wire) -> None:
    await wire.register()
    answer = await wire.order("Example.TEST", "*.example.test")
    order = read(answer)
    assert (answer.status, order["status"], order["profile"]) == (201, "pending", "default")
    assert [each["value"] for each in order["identifiers"]] == ["example.test", "*.example.test"]
    shown = [read(await wire.post(url)) for url in order["authorizations"]]
    assert [each["identifier"]["value"] for each in shown] == ["example.test", "example.test"]
    assert shown[1]["wildcard"] is True
    assert {each["type"] for each in shown[0]["challenges"]} >= {"http-01", "dns-01", "tls-alpn-01"}
    assert all(each["type"].startswith("dns") for each in shown[1]["challenges"])
    assert len({each["token"] for each in shown[0]["challenges"] if "token" in each}) == 1


async def test_the_same_order_is_not_made_twice(wire: Wire) -> None:
    await wire.register()
    first = await wire.order("a.example.test", "b.example.test")
    again = await wire.order("b.example.test", "a.example.test")
    other = await wire.order("a.example.test")
    assert header(first, "location") == header(again, "location") != header(other, "location")
    assert read(other)["authorizations"][0] in read(first)["authorizations"]


async def test_what_was_proved_serves_the_next_order(world: World, wire: Wire) -> None:
    await wire.register()
    (authorization,) = read(await wire.order("www.example.test"))["authorizations"]
    assert (await prove(world, wire, authorization))["status"] == "valid"
    order = await wire.order("www.example.test", profile="shortlived")
    assert read(order)["status"] == "pending"  # proved for another profile
    assert read(await wire.order("www.example.test", notAfter="2026-01-10T00:00:00Z"))["status"] == "ready"
    world.clock.advance(timedelta(days=8))
    wire.forget()
    assert read(await wire.order("www.example.test"))["status"] == "pending"


async def test_an_authorization_that_was_given_up_is_worth_nothing(world: World, wire: Wire) -> None:
    await wire.register()
    order = await wire.order("www.example.test")
    (authorization,) = read(order)["authorizations"]
    await prove(world, wire, authorization)
    assert read(await wire.post(authorization, {"status": "deactivated"}))["status"] == "deactivated"
    assert read(await wire.post(authorization, {"status": "deactivated"}))["status"] == "deactivated"
    assert read(await wire.post(header(order, "location")))["status"] == "invalid"
    assert read(await wire.order("www.example.test"))["status"] == "pending"


async def test_an_authorization_that_has_expired_stays_so(world: World, wire: Wire) -> None:
    await wire.register()
    (authorization,) = read(await wire.order("www.example.test"))["authorizations"]
    world.clock.advance(timedelta(days=8))
    wire.forget()
    assert kind_of(await wire.post(authorization, {"status": "deactivated"})) == "malformed"
    assert read(await wire.post(authorization))["status"] == "expired"


async def test_a_failed_challenge_ends_its_order_with_a_reason(wire: Wire) -> None:
    await wire.register()
    order = await wire.order("nowhere.example.test")
    (authorization,) = read(order)["authorizations"]
    challenge = next(e for e in read(await wire.post(authorization))["challenges"] if e["type"] == "http-01")
    answered = read(await wire.post(challenge["url"], {}))
    assert (answered["status"], answered["error"]["type"]) == ("invalid", ProblemType.DNS.urn)
    shown = read(await wire.post(authorization))
    assert (shown["status"], [each["type"] for each in shown["challenges"]]) == ("invalid", ["http-01"])
    assert read(await wire.post(header(order, "location")))["status"] == "invalid"


async def test_a_challenge_that_is_answered_again_is_shown_as_it_is(world: World, wire: Wire) -> None:
    await wire.register()
    (authorization,) = read(await wire.order("www.example.test"))["authorizations"]
    shown = await prove(world, wire, authorization)
    (challenge,) = shown["challenges"]
    for payload in ({}, None, {}):
        answer = await wire.post(challenge["url"], payload)
        assert (answer.status, read(answer)["status"]) == (200, "valid")
    assert len(world.network.fetched) == 1


async def test_an_order_expires(world: World, wire: Wire) -> None:
    await wire.register()
    order = header(await wire.order("www.example.test"), "location")
    world.clock.advance(timedelta(days=8))
    wire.forget()
    assert read(await wire.post(order))["status"] == "invalid"


@pytest.mark.parametrize(
    ("identifiers", "kind"),
    [
        ([], "malformed"),
        ([{"type": "dns"}], "malformed"),
        ([{"type": "dns", "value": 7}], "malformed"),
        ([{"type": "email", "value": "a@example.test"}], "unsupportedIdentifier"),
        ([{"type": "dns", "value": "127.0.0.1"}], "rejectedIdentifier"),
        ([{"type": "dns", "value": "x.127.0.0.1"}], "rejectedIdentifier"),
        ([{"type": "dns", "value": "a_b.example.test"}], "rejectedIdentifier"),
        ([{"type": "dns", "value": "a..example.test"}], "rejectedIdentifier"),
        ([{"type": "dns", "value": "*.*.example.test"}], "rejectedIdentifier"),
        ([{"type": "ip", "value": "www.example.test"}], "rejectedIdentifier"),
        ([{"type": "ip", "value": "fe80::1%eth0"}], "rejectedIdentifier"),
    ],
)
async def test_names_that_nobody_can_have_are_refused(wire: Wire, identifiers: Any, kind: str) -> None:
    await wire.register()
    assert kind_of(await wire.post(NEW, {"identifiers": identifiers})) == kind


async def test_each_bad_name_is_told(wire: Wire) -> None:
    await wire.register()
    answer = await wire.order("good.example.test", "a_b.example.test", "c_d.example.test")
    named = [each["identifier"]["value"] for each in read(answer)["subproblems"]]
    assert (kind_of(answer), named) == ("rejectedIdentifier", ["a_b.example.test", "c_d.example.test"])


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"profile": "nothing"}, "invalidProfile"),
        ({"notAfter": "2020-01-01T00:00:00Z"}, "malformed"),
        ({"notAfter": "2036-01-01T00:00:00Z"}, "malformed"),
        ({"notBefore": "2026-01-01T00:00:00"}, "malformed"),
        ({"notBefore": "not a moment"}, "malformed"),
        ({"replaces": "not.an identifier"}, "malformed"),
        ({"replaces": "AAAA.AAAA"}, "malformed"),
    ],
)
async def test_an_order_that_asks_for_what_there_is_not_is_refused(wire: Wire, more: dict[str, Any], kind: str) -> None:
    await wire.register()
    assert kind_of(await wire.order("www.example.test", **more)) == kind


async def test_a_name_is_authorized_ahead_of_its_order(world: World, wire: Wire) -> None:
    await wire.register()
    made = await wire.post(AUTHZ, {"identifier": {"type": "dns", "value": "www.example.test"}})
    assert (made.status, read(made)["status"]) == (201, "pending")
    await prove(world, wire, header(made, "location"))
    assert read(await wire.order("www.example.test"))["status"] == "ready"
    wildcard = await wire.post(AUTHZ, {"identifier": {"type": "dns", "value": "*.example.test"}})
    assert kind_of(wildcard) == "malformed"


async def test_names_are_proved_through_their_ancestor(world: World, wire: Wire) -> None:
    await wire.register()
    wanted = [
        {"type": "dns", "value": f"{name}.example.test", "ancestorDomain": "example.test"} for name in ("a", "b.c")
    ]
    (authorization,) = read(await wire.post(NEW, {"identifiers": wanted}))["authorizations"]
    shown = read(await wire.post(authorization))
    assert (shown["identifier"]["value"], shown["subdomainAuthAllowed"]) == ("example.test", True)
    assert all(each["type"].startswith("dns") for each in shown["challenges"])
    stranger = [{"type": "dns", "value": "a.other.test", "ancestorDomain": "example.test"}]
    assert kind_of(await wire.post(NEW, {"identifiers": stranger})) == "malformed"


async def test_another_accounts_order_is_neither_seen_nor_changed(world: World, wire: Wire) -> None:
    await wire.register()
    order = await wire.order("www.example.test")
    (authorization,) = read(order)["authorizations"]
    challenge = read(await wire.post(authorization))["challenges"][0]["url"]
    other = Wire(world.node.site)
    await other.register()
    csr = encoded(build_csr(generate(KeyType.EC256), parse_identifiers(("www.example.test",))))
    for url, payload in (
        (header(order, "location"), None),
        (authorization, None),
        (authorization, {"status": "deactivated"}),
        (challenge, None),
        (challenge, {}),
        (read(order)["finalize"], {"csr": csr}),
    ):
        assert kind_of(await other.post(url, payload)) == "unauthorized"
    assert read(await wire.post(authorization))["status"] == "pending"
