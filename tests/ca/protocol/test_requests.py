"""What every request has to be before anything else is looked at (RFC 8555 §6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evercert.acme.jose import b64url, unb64url
from evercert.pki.keys import KeyType, generate
from tests.ca.given import BASE, World
from tests.ca.protocol.wire import Wire, header, kind_of

ORDER = f"{BASE}/acme/new-order"


def changed(body: bytes, **header_changes: Any) -> bytes:
    """The JWS with another protected header, its signature left as it was."""
    jws = json.loads(body)
    protected = {**json.loads(unb64url(jws["protected"])), **header_changes}
    jws["protected"] = b64url(json.dumps({k: v for k, v in protected.items() if v is not None}).encode())
    return json.dumps(jws).encode()


async def test_every_answer_to_a_post_has_a_nonce_for_the_next(wire: Wire) -> None:
    await wire.register()
    for answer in (await wire.post(ORDER, {}), await wire.raw(ORDER, b"{"), await wire.post(f"{BASE}/acme/nowhere")):
        assert header(answer, "replay-nonce")
        assert header(answer, "cache-control") == "no-store"


async def test_new_nonce_answers_head_with_200_and_get_with_204(wire: Wire) -> None:
    head, get = await wire.get(f"{BASE}/acme/new-nonce", "HEAD"), await wire.get(f"{BASE}/acme/new-nonce")
    assert (head.status, get.status) == (200, 204)
    assert header(head, "replay-nonce") != header(get, "replay-nonce")
    assert header(get, "cache-control") == "no-store"


async def test_a_nonce_serves_once(wire: Wire) -> None:
    await wire.register()
    nonce = await wire.fresh()
    assert kind_of(await wire.post(wire.kid, nonce=nonce)) == ""
    assert kind_of(await wire.post(wire.kid, nonce=nonce)) == "badNonce"


async def test_a_nonce_outlives_a_request_with_a_wrong_signature(wire: Wire) -> None:
    await wire.register()
    nonce = await wire.fresh()
    stranger = generate(KeyType.EC256)
    assert kind_of(await wire.post(wire.kid, nonce=nonce, key=stranger)) == "malformed"
    assert kind_of(await wire.post(wire.kid, nonce=nonce)) == ""


async def test_a_nonce_ends_with_its_time(world: World, wire: Wire) -> None:
    await wire.register()
    nonce = await wire.fresh()
    world.clock.advance(3601)
    assert kind_of(await wire.post(wire.kid, nonce=nonce)) == "badNonce"


@pytest.mark.parametrize("nonce", ["A" * 40, "made-up", "a" * 255])
async def test_a_nonce_that_is_not_ours_is_refused(wire: Wire, nonce: str) -> None:
    await wire.register()
    assert kind_of(await wire.post(wire.kid, nonce=nonce)) == "badNonce"


async def test_a_request_for_another_url_is_refused(wire: Wire) -> None:
    await wire.register()
    assert kind_of(await wire.post(wire.kid, signed_url=ORDER)) == "unauthorized"


async def test_the_content_type_has_to_be_right(wire: Wire) -> None:
    await wire.register()
    answer = await wire.raw(wire.kid, await wire.signed(wire.kid, None), content_type="application/json")
    assert (answer.status, kind_of(answer)) == (415, "malformed")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"alg": "none"}, "badSignatureAlgorithm"),
        ({"alg": "HS256"}, "badSignatureAlgorithm"),
        ({"alg": "RS256"}, "badSignatureAlgorithm"),
        ({"alg": "ES384"}, "badSignatureAlgorithm"),
        ({"alg": None}, "badSignatureAlgorithm"),
        ({"crit": ["exp"]}, "malformed"),
        ({"b64": False}, "malformed"),
        ({"url": None}, "malformed"),
        ({"nonce": None}, "badNonce"),
        ({"nonce": "not base64url!"}, "malformed"),
        ({"kid": 7}, "malformed"),
        ({"jwk": {"kty": "EC"}}, "malformed"),
        ({"kid": f"{BASE}/acme/account/1"}, "accountDoesNotExist"),
        ({"kid": "https://elsewhere.test/acme/account/1"}, "accountDoesNotExist"),
    ],
)
async def test_a_header_that_is_not_right_is_refused(wire: Wire, changes: dict[str, Any], kind: str) -> None:
    await wire.register()
    answer = await wire.raw(wire.kid, changed(await wire.signed(wire.kid, None), **changes))
    assert kind_of(answer) == kind


async def test_a_member_that_stands_twice_is_refused(wire: Wire) -> None:
    await wire.register()
    jws = json.loads(await wire.signed(wire.kid, None))
    twice = unb64url(jws["protected"]).replace(b"{", b'{"alg":"none",', 1)
    jws["protected"] = b64url(twice)
    assert kind_of(await wire.raw(wire.kid, json.dumps(jws).encode())) == "malformed"


async def test_an_unprotected_header_is_refused(wire: Wire) -> None:
    await wire.register()
    jws = {**json.loads(await wire.signed(wire.kid, None)), "header": {"kid": wire.kid}}
    assert kind_of(await wire.raw(wire.kid, json.dumps(jws).encode())) == "malformed"


async def test_a_signature_in_der_is_refused(wire: Wire) -> None:
    await wire.register()
    jws = json.loads(await wire.signed(wire.kid, None))
    jws["signature"] = b64url(b"\x30\x44" + unb64url(jws["signature"])[:68])
    assert kind_of(await wire.raw(wire.kid, json.dumps(jws).encode())) == "malformed"


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"protected":1}', b"\xff\xfe", b"[" * 100_000])
async def test_what_is_no_jws_is_malformed(wire: Wire, body: bytes) -> None:
    answer = await wire.raw(ORDER, body)
    assert (answer.status, kind_of(answer)) == (400, "malformed")


async def test_resources_are_not_read_with_get(wire: Wire) -> None:
    await wire.register()
    answer = await wire.get(wire.kid)
    assert (answer.status, kind_of(answer)) == (405, "malformed")


async def test_what_is_not_there_is_not_found(wire: Wire) -> None:
    await wire.register()
    for path in ("nowhere", "order/0", "order/x", "order/99999999999999999999", "order/1/2/3/4", "authz/%2e%2e"):
        answer = await wire.post(f"{BASE}/acme/{path}")
        assert (path, answer.status) == (path, 404)


async def test_browsers_may_read_the_answers(wire: Wire) -> None:
    answer = await wire.get(f"{BASE}/acme/new-order", "OPTIONS")
    assert answer.status == 204
    assert header(answer, "access-control-allow-origin") == "*"
    assert "Replay-Nonce" in header(answer, "access-control-expose-headers")


async def test_every_answer_but_the_directory_points_to_it(wire: Wire) -> None:
    assert f'<{BASE}/acme/directory>;rel="index"' in [v for k, v in (await wire.register()).headers if k == "link"]
    assert [v for k, v in (await wire.get(f"{BASE}/acme/directory")).headers if k == "link"] == []
