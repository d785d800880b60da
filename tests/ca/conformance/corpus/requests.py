"""What stands around every request: method, path, content type, JWS, nonce, URL (RFC 8555 §6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from evercert.acme.jose import CONTENT_TYPE, b64url
from evercert.base.message import Response
from evercert.pki.keys import KeyType, generate
from tests.ca.conformance.corpus.cases import Cases
from tests.ca.conformance.ground import Ground, Speaker

_cases: Final = Cases("request")
CASES: Final = _cases.named


# Methods and paths

for _place in ("directory", "newNonce", "newAccount", "newOrder", "keyChange", "revokeCert"):
    for _method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):

        @_cases(f"{_method} of {_place}")
        async def _by_method(ground: Ground, place: str = _place, method: str = _method) -> Response:
            return await ground.speaker().ask(place, method)


@_cases("the directory by POST-as-GET")
async def _(ground: Ground) -> Response:
    return await (await ground.registered()).post("directory")


@_cases("a nonce by POST-as-GET")
async def _(ground: Ground) -> Response:
    return await (await ground.registered()).post("newNonce")


for _kind in ("account", "orders", "order", "authorization", "challenge", "finalize"):

    @_cases(f"GET of an {_kind}".replace("an order", "an order").replace("an challenge", "a challenge"))
    async def _resource(ground: Ground, kind: str = _kind) -> Response:
        speaker = await ground.registered()
        return await speaker.ask(await place_of(speaker, kind))

    @_cases(f"PUT of {_kind}")
    async def _put(ground: Ground, kind: str = _kind) -> Response:
        speaker = await ground.registered()
        return await speaker.post(await place_of(speaker, kind), {}, method="PUT")

    for _end in ("0", "x", "99999999999999999999", "%00", "..", "1%20or%201=1"):

        @_cases(f"{_kind} whose last segment is {_end}")
        async def _nowhere(ground: Ground, kind: str = _kind, end: str = _end) -> Response:
            speaker = await ground.registered()
            place = (await place_of(speaker, kind)).split("?")[0].removesuffix("/finalize").removesuffix("/orders")
            return await speaker.post(f"{place.rpartition('/')[0]}/{end}")


async def place_of(speaker: Speaker, kind: str) -> str:
    ground = speaker.ground
    if kind == "account":
        return speaker.kid
    if kind == "orders":
        return str(json.loads((await speaker.post(speaker.kid)).body)["orders"])
    order = await speaker.order(ground.name())
    shown = json.loads(order.body)
    if kind in {"order", "finalize"}:
        return order.header("location") or "" if kind == "order" else str(shown["finalize"])
    authorization = str(shown["authorizations"][0])
    if kind == "authorization":
        return authorization
    return str(json.loads((await speaker.post(authorization)).body)["challenges"][0]["url"])


# Content types

for _type in ("", "application/json", "text/plain", "application/jose", f"{CONTENT_TYPE}; charset=utf-8", "x" * 300):

    @_cases(f"content type {_type[:40]!r}")
    async def _typed(ground: Ground, content_type: str = _type) -> Response:
        speaker = await ground.registered()
        return await speaker.post("newOrder", {"identifiers": []}, content_type=content_type)


# The JWS

_HEADERS: Final[Mapping[str, dict[str, Any]]] = {
    "alg none": {"alg": "none"},
    "alg HS256": {"alg": "HS256"},
    "alg RS256 for an EC key": {"alg": "RS256"},
    "alg ES384 for a P-256 key": {"alg": "ES384"},
    "alg PS256": {"alg": "PS256"},
    "no alg": {"alg": None},
    "alg a number": {"alg": 7},
    "crit": {"crit": ["exp"]},
    "crit and b64": {"crit": ["b64"], "b64": False},
    "no url": {"url": None},
    "url of another resource": {"url": "https://elsewhere.test/"},
    "url with a trailing slash": {"url": "{url}/"},
    "url with a query": {"url": "{url}?a=b"},
    "url a number": {"url": 7},
    "no nonce": {"nonce": None},
    "nonce empty": {"nonce": ""},
    "nonce a number": {"nonce": 7},
    "nonce that is not base64url": {"nonce": "not base64url!"},
    "nonce of nobody": {"nonce": "AAAAAAAAAAAAAAAAAAAAAA"},
    "kid of nobody": {"kid": "{kid}0"},
    "kid elsewhere": {"kid": "https://elsewhere.test/acme/account/1"},
    "kid empty": {"kid": ""},
    "kid a number": {"kid": 7},
    "kid and jwk": {"jwk": {"kty": "EC"}},
    "jwk beside kid, null": {"jwk": None},
    "a member that nobody knows": {"evercert": True},
    "typ": {"typ": "JOSE+JSON"},
}

for _name, _changes in _HEADERS.items():

    @_cases(f"header: {_name}")
    async def _headed(ground: Ground, changes: Mapping[str, Any] = _changes) -> Response:
        speaker = await ground.registered()
        words = {"url": ground.url(speaker.kid), "kid": speaker.kid}
        header = {key: value.format(**words) if isinstance(value, str) else value for key, value in changes.items()}
        return await speaker.post(speaker.kid, header=header)


_WHOLES: Final[Mapping[str, dict[str, Any]]] = {
    "an unprotected header": {"header": {"kid": "x"}},
    "signatures of the general form": {"signatures": []},
    "no payload": {"payload": None},
    "no signature": {"signature": None},
    "an empty signature": {"signature": ""},
    "no protected header": {"protected": None},
    "a payload with padding": {"payload": "e30="},
    "a payload that is not base64url": {"payload": "!"},
    "a payload that is a number": {"payload": 7},
    "a payload that was changed": {"payload": "e30"},
    "a member that nobody knows": {"evercert": True},
}

for _name, _changes in _WHOLES.items():

    @_cases(f"JWS: {_name}")
    async def _whole(ground: Ground, changes: Mapping[str, Any] = _changes) -> Response:
        speaker = await ground.registered()
        return await speaker.post(speaker.kid, jws=changes)


@_cases("JWS: a signature in DER")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    return await speaker.post(speaker.kid, signature=lambda octets: b"\x30\x44\x02\x20" + octets[:64])


@_cases("JWS: the last bit of the signature")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    return await speaker.post(speaker.kid, signature=lambda octets: octets[:-1] + bytes([octets[-1] ^ 1]))


@_cases("JWS: a header that holds a member twice")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    header = {"alg": "ES256", "url": speaker.kid, "nonce": await speaker.fresh(), "kid": speaker.kid}
    twice = json.dumps(header).replace('"alg"', '"alg": "none", "alg"').encode()
    return await speaker.post(speaker.kid, protected=twice)


@_cases("JWS: signed by a stranger")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    return await speaker.post(speaker.kid, key=generate(KeyType.EC256))


for _name, _body in {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "an empty object": b"{}",
    "the compact form": b"e30.e30.e30",
    "no UTF-8": b"\xff\xfe",
    "brackets without end": b"[" * 100_000,
    "an object without end": b'{"a":' * 20_000,
    "a megabyte": b'{"payload":"' + b"A" * 1_000_000 + b'"}',
}.items():

    @_cases(f"body: {_name}")
    async def _body_case(ground: Ground, body: bytes = _body) -> Response:
        return await ground.speaker().ask("newOrder", "POST", body, content_type=CONTENT_TYPE)


for _name, _payload in {
    "no JSON": b"{",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"x"',
    "no UTF-8": b'{"identifiers":"\xff"}',
    "deep": b'{"identifiers":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
}.items():

    @_cases(f"payload: {_name}")
    async def _payload_case(ground: Ground, payload: bytes = _payload) -> Response:
        return await (await ground.registered()).post("newOrder", payload)


# Nonces and replays


@_cases("nonce: twice")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    body = await speaker.signed(speaker.kid)
    await speaker.ask(speaker.kid, "POST", body, content_type=CONTENT_TYPE)
    return await speaker.ask(speaker.kid, "POST", body, content_type=CONTENT_TYPE)


@_cases("nonce: after a request with a wrong signature")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    nonce = await speaker.fresh()
    await speaker.post(speaker.kid, key=generate(KeyType.EC256), header={"nonce": nonce})
    return await speaker.post(speaker.kid, header={"nonce": nonce})


@_cases("nonce: of another account's answer")
async def _(ground: Ground) -> Response:
    speaker, other = await ground.registered(), await ground.registered()
    return await speaker.post(speaker.kid, header={"nonce": await other.fresh()})


@_cases("url: the request of one resource at another one")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    body = await speaker.signed(speaker.kid)
    return await speaker.ask("newOrder", "POST", body, content_type=CONTENT_TYPE)


# Who signs what


@_cases("jwk where a kid is due")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    return await speaker.post("newOrder", {"identifiers": []}, header={"kid": None, "jwk": speaker.key.jwk})


@_cases("kid where a jwk is due")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    return await speaker.post("newAccount", {})


for _name, _jwk in {
    "empty": {},
    "oct": {"kty": "oct", "k": "AAAA"},
    "a private key": {**generate(KeyType.EC256).jwk, "d": "AAAA"},
    "a point that is not on its curve": {"kty": "EC", "crv": "P-256", "x": b64url(b"\1" * 32), "y": b64url(b"\2" * 32)},
    "P-224": {"kty": "EC", "crv": "P-224", "x": b64url(b"\1" * 28), "y": b64url(b"\2" * 28)},
    "RSA of 512 bits": {"kty": "RSA", "n": b64url(b"\xff" * 64), "e": "AQAB"},
    "RSA without a modulus": {"kty": "RSA", "e": "AQAB"},
    "Ed448": {"kty": "OKP", "crv": "Ed448", "x": b64url(b"\1" * 57)},
    "members of the wrong type": {"kty": ["EC"], "crv": 7, "x": None, "y": {}},
    "a text": "x",
}.items():

    @_cases(f"jwk: {_name}")
    async def _keyed(ground: Ground, jwk: Any = _jwk) -> Response:
        return await ground.speaker().post("newAccount", {"termsOfServiceAgreed": True}, header={"jwk": jwk})
