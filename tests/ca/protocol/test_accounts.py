"""Accounts (RFC 8555 §7.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evercert.acme.jose import external_account_binding, key_change, sign, thumbprint
from evercert.base.secret import Secret
from evercert.ca.store import accounts, eab
from evercert.ca.store.eab import ExternalKey
from evercert.pki.keys import KeyType, generate
from tests.ca.given import BASE, World
from tests.ca.protocol.wire import Wire, header, kind_of, read

NEW = f"{BASE}/acme/new-account"
CHANGE = f"{BASE}/acme/key-change"
MAC = Secret("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0")


async def test_a_key_has_one_account(wire: Wire) -> None:
    first, again = await wire.register(contact=["mailto:a@example.test"]), await wire.register()
    assert (first.status, again.status) == (201, 200)
    assert header(first, "location") == header(again, "location")
    assert read(again)["contact"] == ["mailto:a@example.test"]
    assert read(again)["orders"].startswith(header(first, "location"))


async def test_only_an_account_that_exists_is_returned_where_that_is_asked(wire: Wire) -> None:
    answer = await wire.post(NEW, {"onlyReturnExisting": True}, kid="")
    assert (answer.status, kind_of(answer)) == (400, "accountDoesNotExist")
    location = header(await wire.register(), "location")
    assert header(await wire.post(NEW, {"onlyReturnExisting": True}, kid=""), "location") == location


@pytest.mark.parametrize(
    ("contact", "kind"),
    [
        ("tel:+49301234", "unsupportedContact"),
        ("mailto:", "invalidContact"),
        ("mailto:a@example.test,b@example.test", "invalidContact"),
        ("mailto:a@example.test?subject=x", "invalidContact"),
        ("mailto:a@b", "invalidContact"),
    ],
)
async def test_a_contact_has_to_be_one_address(wire: Wire, contact: str, kind: str) -> None:
    assert kind_of(await wire.register(contact=[contact])) == kind


async def test_contacts_are_changed_by_their_owner(wire: Wire) -> None:
    await wire.register(contact=["mailto:a@example.test"])
    assert read(await wire.post(wire.kid, {"contact": ["mailto:b@example.test"]}))["contact"] == [
        "mailto:b@example.test"
    ]
    assert "contact" not in read(await wire.post(wire.kid, {"contact": []}))
    assert kind_of(await wire.post(wire.kid, {"contact": ["http://x"]})) == "unsupportedContact"


async def test_an_account_that_was_deactivated_does_nothing_any_more(wire: Wire) -> None:
    await wire.register()
    order = await wire.order("www.example.test")
    authorization = read(order)["authorizations"][0]
    assert read(await wire.post(wire.kid, {"status": "deactivated"}))["status"] == "deactivated"
    for url in (wire.kid, header(order, "location"), authorization):
        assert kind_of(await wire.post(url)) == "unauthorized"
    assert kind_of(await wire.register()) == "unauthorized"


async def test_another_account_is_not_seen(world: World, wire: Wire) -> None:
    await wire.register()
    other = Wire(world.node.site)
    await other.register()
    assert kind_of(await other.post(wire.kid)) == "unauthorized"
    assert kind_of(await other.post(f"{wire.kid}/orders")) == "unauthorized"


async def test_orders_are_listed_in_pages(wire: Wire) -> None:
    await wire.register()
    placed = [header(await wire.order(f"n{number}.example.test"), "location") for number in range(103)]
    first = await wire.post(f"{wire.kid}/orders")
    link = next(value for key, value in first.headers if key == "link" and 'rel="next"' in value)
    second = await wire.post(link[1 : link.index(">")])
    assert sorted(read(first)["orders"] + read(second)["orders"]) == sorted(placed)
    assert not any('rel="next"' in value for key, value in second.headers if key == "link")


async def test_terms_have_to_be_agreed_to(wire: Wire) -> None:
    # The world of these tests has none; see the table of problems for a CA that has.
    assert (await wire.post(NEW, {}, kid="")).status == 201


async def test_a_key_is_changed_by_both(wire: Wire) -> None:
    await wire.register()
    new = generate(KeyType.EC384)
    inner = json.loads(key_change(wire.key, new, account_url=wire.kid, url=CHANGE))
    assert (await wire.post(CHANGE, inner)).status == 200
    assert kind_of(await wire.post(wire.kid)) == "badSignatureAlgorithm"
    wire.key = new
    assert (await wire.post(wire.kid)).status == 200


async def test_a_key_that_is_in_use_is_not_taken(world: World, wire: Wire) -> None:
    await wire.register()
    other = Wire(world.node.site)
    await other.register()
    answer = await wire.post(CHANGE, json.loads(key_change(wire.key, other.key, account_url=wire.kid, url=CHANGE)))
    assert (answer.status, header(answer, "location")) == (409, other.kid)


async def test_keys_of_before_are_remembered_as_many_as_are_of_use(world: World, wire: Wire) -> None:
    await wire.register()
    number, former = int(wire.kid.rpartition("/")[2]), []
    for _ in range(22):
        new = generate(KeyType.ED25519)
        former.append(thumbprint(wire.key.jwk))
        change = json.loads(key_change(wire.key, new, account_url=wire.kid, url=CHANGE))
        assert (await wire.post(CHANGE, change)).status == 200
        wire.key = new
        world.clock.advance(1)
    assert await accounts.former_thumbprints(world.node.desk.db, number) == tuple(former[:-21:-1])


def changing(wire: Wire, **changes: Any) -> dict[str, Any]:
    """A key change with one thing in it that is not right."""
    new = generate(KeyType.EC256)
    payload = {"account": wire.kid, "oldKey": wire.key.jwk, **changes.pop("payload", {})}
    given = {"url": CHANGE, "nonce": "", "payload": json.dumps(payload).encode(), **changes}
    inner: dict[str, Any] = json.loads(sign(new, **given))
    return inner


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": {"account": f"{BASE}/acme/account/1"}},
        {"payload": {"oldKey": generate(KeyType.EC256).jwk}},
        {"payload": {"oldKey": {"kty": "EC"}}},
        {"payload": {"oldKey": 7}},
        {"url": NEW},
        {"nonce": "abc"},
        {"kid": "x"},
    ],
)
async def test_a_key_change_that_is_not_right_changes_nothing(wire: Wire, changes: dict[str, Any]) -> None:
    await wire.register()
    assert kind_of(await wire.post(CHANGE, changing(wire, **changes))) == "malformed"
    assert (await wire.post(wire.kid)).status == 200


async def external(world: World, **more: Any) -> str:
    key = ExternalKey("kid-1", ("HS256",), "test", False, False, "", (), world.clock.now(), **more)
    await world.node.desk.db.write(eab.added(key, Secret(b"secret-secret-secret-secret"), world.node.desk.sealer))
    return key.kid


async def bound(wire: Wire, **changes: Any) -> Any:
    given = {"kid": "kid-1", "key": MAC, "algorithm": "HS256", "jwk": wire.key.jwk, "url": NEW, **changes}
    return await wire.register(externalAccountBinding=external_account_binding(**given))


async def test_an_account_is_bound_to_an_external_one(world: World, wire: Wire) -> None:
    await external(world)
    assert (await bound(wire)).status == 201
    again = await bound(Wire(world.node.site))
    assert kind_of(again) == "unauthorized"  # the key was for one account


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"kid": "kid-2"}, "unauthorized"),
        ({"key": Secret("AAAA")}, "unauthorized"),
        ({"algorithm": "HS512"}, "unauthorized"),
        ({"url": CHANGE}, "malformed"),
        ({"jwk": generate(KeyType.EC256).jwk}, "malformed"),
    ],
)
async def test_a_binding_that_is_not_right_binds_nothing(
    world: World, wire: Wire, changes: dict[str, Any], kind: str
) -> None:
    await external(world)
    assert kind_of(await bound(wire, **changes)) == kind
    assert (await bound(wire)).status == 201
