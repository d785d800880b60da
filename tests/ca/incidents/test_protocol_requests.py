"""Incidents of servers that let themselves be told how to verify, who may register, or how a name is written."""

from __future__ import annotations

import ast
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import evercert
from evercert.acme.jose import b64url, external_account_binding, key_change
from evercert.base.secret import Secret
from evercert.ca.profiles.profile import BUILT_IN
from evercert.ca.rules import Rules
from evercert.ca.store import eab
from evercert.ca.store.eab import ExternalKey
from evercert.pki.keys import KeyType, generate
from tests.ca.conformance.ground import flattened
from tests.ca.given import BASE, World, a_ca
from tests.ca.protocol.wire import Wire, kind_of, read

NEW_ACCOUNT, CHANGE = f"{BASE}/acme/new-account", f"{BASE}/acme/key-change"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_ca(tmp_path / "ca") as world:
        yield world


# JWS: the algorithm is the key's, and not the sender's choice


async def test_alg_confusion_a_public_key_is_no_mac_key(world: World) -> None:
    wire = Wire(world.node.site)
    await wire.register()
    public = wire.key.crypto.public_key()
    spellings = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(dict(wire.key.jwk)).encode(),
    ]
    for spelling in spellings:
        for alg, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("ES256", "sha256")):
            header = {"alg": alg, "kid": wire.kid, "url": wire.kid, "nonce": await wire.fresh()}
            protected = b64url(json.dumps(header).encode())
            signature = b64url(hmac.digest(spelling, f"{protected}.".encode(), digest))
            body = json.dumps({"protected": protected, "payload": "", "signature": signature}).encode()
            assert kind_of(await wire.raw(wire.kid, body)) in {"badSignatureAlgorithm", "malformed"}


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ({"alg": "none"}, "badSignatureAlgorithm"),
        ({"alg": "NONE"}, "badSignatureAlgorithm"),
        ({"alg": ""}, "badSignatureAlgorithm"),
        ({"alg": "ES256K"}, "badSignatureAlgorithm"),
        ({"alg": "PS256"}, "badSignatureAlgorithm"),
        ({"alg": "RS256"}, "badSignatureAlgorithm"),
        ({"alg": "ES384"}, "badSignatureAlgorithm"),
        ({"alg": "EdDSA"}, "badSignatureAlgorithm"),
        ({"jwk": {"kty": "oct", "k": "AAAA"}}, "badPublicKey"),
        ({"crit": ["b64"], "b64": False}, "malformed"),
        ({"crit": []}, "malformed"),
        ({"b64": False}, "malformed"),
    ],
)
async def test_alg_confusion_nothing_but_the_keys_own_algorithm_is_taken(
    world: World, header: dict[str, Any], kind: str
) -> None:
    wire = Wire(world.node.site)
    given = {"alg": "ES256", "url": NEW_ACCOUNT, "nonce": await wire.fresh(), "jwk": dict(wire.key.jwk), **header}
    for key in (wire.key, generate(KeyType.EC384)):
        given["nonce"] = await wire.fresh()
        body = flattened(json.dumps(given).encode(), b"{}", key)
        assert kind_of(await wire.raw(NEW_ACCOUNT, body)) == kind


async def test_alg_confusion_a_p384_key_does_not_sign_es256(world: World) -> None:
    """UCM took ES256 with any curve."""
    wire = Wire(world.node.site, key=generate(KeyType.EC384))
    header = {"alg": "ES256", "url": NEW_ACCOUNT, "nonce": await wire.fresh(), "jwk": dict(wire.key.jwk)}
    body = flattened(json.dumps(header).encode(), b"{}", wire.key)
    assert kind_of(await wire.raw(NEW_ACCOUNT, body)) == "badSignatureAlgorithm"


@pytest.mark.parametrize("library", ["jwcrypto", "authlib", "jose", "jwt", "josepy", "joserfc"])
def test_jwcrypto_cve_2024_28102_and_others_the_libraries_with_traps_are_not_used(library: str) -> None:
    """Zip bombs in JWE, keys that are taken for MAC keys: the JWS here knows neither."""
    for file in Path(evercert.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            named = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            named += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert library not in {each.partition(".")[0] for each in named}, file


# External accounts


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[World]:
    """A CA at which nobody registers without a key from it."""
    async with a_ca(tmp_path / "closed", rules=Rules(eab_required=True)) as world:
        desk = world.node.desk
        key = ExternalKey("kid-1", ("HS256",), "", False, False, "", (), world.clock.now())
        await desk.db.write(eab.added(key, Secret(b"secret-secret-secret-secret"), desk.sealer))
        yield world


MAC = Secret("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0")


@pytest.mark.parametrize(
    "binding", [None, ..., {}, [], "", 0, False, {"protected": "e30", "payload": "", "signature": ""}]
)
async def test_ucm_191_nobody_registers_without_a_binding_that_holds(closed: World, binding: object) -> None:
    wire = Wire(closed.node.site)
    more = {} if binding is ... else {"externalAccountBinding": binding}
    answer = await wire.register(**more)
    assert kind_of(answer) in {"externalAccountRequired", "malformed", "badSignatureAlgorithm"}
    assert kind_of(await wire.post(NEW_ACCOUNT, {"onlyReturnExisting": True}, kid="")) == "accountDoesNotExist"
    assert kind_of(await wire.order("www.example.test")) == "malformed"  # signed with its jwk: there is no kid


@pytest.mark.parametrize("alg", ["none", "RS256", "ES256", "HS1", ""])
async def test_ucm_191_a_binding_is_a_mac(closed: World, alg: str) -> None:
    wire = Wire(closed.node.site)
    header = {"alg": alg, "kid": "kid-1", "url": NEW_ACCOUNT}
    made = json.loads(flattened(json.dumps(header).encode(), json.dumps(dict(wire.key.jwk)).encode(), wire.key))
    assert kind_of(await wire.register(externalAccountBinding=made)) == "badSignatureAlgorithm"
    unsigned = {**made, "signature": ""}
    assert kind_of(await wire.register(externalAccountBinding=unsigned)) == "badSignatureAlgorithm"


async def test_ucm_191_a_binding_that_was_seen_binds_nobody_else_and_nothing_twice(closed: World) -> None:
    wire, thief = Wire(closed.node.site), Wire(closed.node.site)
    binding = external_account_binding("kid-1", MAC, "HS256", wire.key.jwk, NEW_ACCOUNT)
    assert kind_of(await thief.register(externalAccountBinding=binding)) == "malformed"
    assert (await wire.register(externalAccountBinding=binding)).status == 201
    again = external_account_binding("kid-1", MAC, "HS256", thief.key.jwk, NEW_ACCOUNT)
    assert kind_of(await thief.register(externalAccountBinding=again)) == "unauthorized"


async def test_ucm_260_a_key_change_leads_no_account_out_of_its_binding(closed: World) -> None:
    wire, new = Wire(closed.node.site), generate(KeyType.EC256)
    await wire.register(
        externalAccountBinding=external_account_binding("kid-1", MAC, "HS256", wire.key.jwk, NEW_ACCOUNT)
    )
    change = key_change(wire.key, new, account_url=wire.kid, url=CHANGE)
    assert (await wire.raw(CHANGE, await wire.signed(CHANGE, change))).status == 200
    wire.key = new
    await closed.node.desk.db.write(eab.revoked("kid-1", closed.clock.now()))
    assert kind_of(await wire.order("www.example.test")) == "unauthorized"


# Names


@pytest.mark.parametrize(
    "value",
    [
        "secret.internal", "SECRET.INTERNAL", "Secret.internal.", " secret.internal", "secret.internal\n",
        "*.secret.internal", "a.secret.internal", "secret\uff0einternal", "secret.\u0131nternal", "secret.internal\0",
        "xn--secret-.internal", "secret%2einternal", "\uff53ecret.internal", "secret\u200b.internal",
        "secret.internal/x",
    ],
)  # fmt: skip
async def test_idn_case_and_dots_lead_around_no_policy(tmp_path: Path, value: str) -> None:
    profile = msgspec.structs.replace(BUILT_IN["default"], deny=("secret.internal", ".secret.internal"))
    async with a_ca(tmp_path / "ca", profiles={"default": profile}) as world:
        wire = Wire(world.node.site)
        await wire.register()
        answer = await wire.order(value)
        assert answer.status == 400, read(answer)
        assert kind_of(answer) == "rejectedIdentifier"


@pytest.mark.parametrize(
    "value", ["127.0.0.1", "x.127.0.0.1", "10.1", "0x7f000001", "1.2.3.4.", "[::1]", "::ffff:1.2.3.4"]
)
async def test_dogtag_5407_an_address_is_no_dns_name(world: World, value: str) -> None:
    wire = Wire(world.node.site)
    await wire.register()
    answer = await wire.order(value)
    assert (answer.status, kind_of(answer)) == (400, "rejectedIdentifier")


async def test_boulder_a_wildcard_and_a_name_that_it_covers_are_malformed(world: World) -> None:
    wire = Wire(world.node.site)
    await wire.register()
    assert kind_of(await wire.order("*.example.test", "a.example.test")) == "malformed"
    assert (await wire.order("*.example.test", "example.test", "a.b.example.test")).status == 201


async def test_caddy_on_demand_names_without_end_come_to_one(world: World) -> None:
    """Whoever points a wildcard at a server made it ask for a.b.c.d... for ever."""
    wire = Wire(world.node.site)
    await wire.register()
    deep = ".".join("a" * 20) + ".example.test"
    assert kind_of(await wire.order(deep)) == "rejectedIdentifier"
