"""Requests that could be read in two ways, or brought a 500 about."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evercert.acme.jose import b64url, external_account_binding, sign, unb64url
from evercert.base.secret import Secret
from evercert.ca.profiles.profile import BUILT_IN
from evercert.ca.store.schema import MIGRATIONS
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from evercert.pki.keys import KeyType, PrivateKey
from tests.ca.given import BASE, World, a_ca
from tests.ca.protocol.wire import Wire, kind_of, read
from tests.pki.hierarchies import key_of

NEW = f"{BASE}/acme/new-order"


@pytest.fixture
async def world(tmp_path: Path, new_place: Callable[[Sequence[Migration]], Place]) -> AsyncIterator[World]:
    default = BUILT_IN["default"]
    profile = msgspec.structs.replace(default, names=(*default.names, "permanent-identifier"))
    async with a_ca(tmp_path / "ca", place=new_place(MIGRATIONS), profiles={"default": profile}) as world:
        yield world


@pytest.fixture
def wire(world: World) -> Wire:
    return Wire(world.node.site)


@dataclass
class Rewritten:
    """A key, and its JWK written in another way."""

    key: PrivateKey
    jwk: Mapping[str, str]

    @property
    def jws_alg(self) -> str:
        return self.key.jws_alg

    def sign_jws(self, data: bytes) -> bytes:
        return self.key.sign_jws(data)


def other_last(text: str) -> str:
    """The same octets: the character's last bit is none of theirs."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]


def longer(text: str) -> str:
    """The same number."""
    return b64url(b"\0" + unb64url(text))


@pytest.mark.parametrize(
    ("kind", "member", "rewrite"),
    [
        (KeyType.ED25519, "x", other_last),
        (KeyType.EC256, "y", other_last),
        (KeyType.RSA2048, "e", longer),
        (KeyType.RSA2048, "n", longer),
        (KeyType.RSA2048, "n", other_last),
    ],
)
async def test_a_key_is_written_in_one_way_and_so_has_one_account(
    wire: Wire, kind: KeyType, member: str, rewrite: Callable[[str], str]
) -> None:
    key = key_of(kind)
    twin = Rewritten(key, {**key.jwk, member: rewrite(key.jwk[member])})
    body = sign(twin, url=f"{BASE}/acme/new-account", nonce=await wire.fresh(), payload=b"{}")
    assert kind_of(await wire.raw(f"{BASE}/acme/new-account", body)) == "badPublicKey"


async def test_a_header_is_read_to_its_end_or_not_at_all(wire: Wire) -> None:
    """Only its first 8 KiB were read, and whatever followed them was signed and seen by nobody."""
    await wire.register()
    head = json.dumps({"alg": wire.key.jws_alg, "url": wire.kid, "nonce": await wire.fresh(), "kid": wire.kid})
    text = b64url(head.encode().ljust(8192 * 3 // 4)) + "####"
    signature = b64url(wire.key.sign_jws(f"{text}.".encode()))
    jws = {"protected": text, "payload": "", "signature": signature}
    assert kind_of(await wire.raw(wire.kid, json.dumps(jws).encode())) == "malformed"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("member", ["notBefore", "notAfter", "start-date", "end-date"])
async def test_a_moment_that_there_is_not_is_malformed(wire: Wire, member: str, moment: str) -> None:
    await wire.register()
    recurrence = {"end-date": "2026-01-10T00:00:00Z", "lifetime": 86400, member: moment}
    more: dict[str, Any] = {"auto-renewal": recurrence} if "-" in member else {member: moment}
    assert kind_of(await wire.order("a.test", **more)) == "malformed"


@pytest.mark.parametrize("kid", ["k\0", "k\n", "é", "k" * 1000])
async def test_a_key_id_that_no_database_would_take_is_malformed(wire: Wire, kid: str) -> None:
    binding = external_account_binding(kid, Secret("c2VjcmV0"), "HS256", wire.key.jwk, f"{BASE}/acme/new-account")
    assert kind_of(await wire.register(externalAccountBinding=binding)) == "malformed"


@pytest.mark.parametrize("said", ["\0", "é", "AA==", "A\n"])
async def test_an_attestation_that_is_no_base64url_is_malformed(wire: Wire, said: str) -> None:
    await wire.register()
    wanted = [{"type": "permanent-identifier", "value": "SN-1"}]
    (authorization,) = read(await wire.post(NEW, {"identifiers": wanted}))["authorizations"]
    (challenge,) = read(await wire.post(authorization))["challenges"]
    assert kind_of(await wire.post(challenge["url"], {"attObj": said})) == "malformed"
    assert read(await wire.post(challenge["url"]))["status"] == "pending"
