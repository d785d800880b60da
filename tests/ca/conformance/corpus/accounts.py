"""Accounts: made, found, changed, ended; their keys and contacts (RFC 8555 §7.3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from evercert.acme.jose import external_account_binding, key_change
from evercert.base.message import Response
from evercert.base.secret import Secret
from evercert.pki.keys import KeyType, generate
from tests.ca.conformance.corpus.cases import Cases
from tests.ca.conformance.ground import Ground, Speaker, document, flattened

_cases: Final = Cases("account")
CASES: Final = _cases.named


for _type in (KeyType.EC256, KeyType.EC384, KeyType.RSA2048, KeyType.ED25519):

    @_cases(f"a new one with a key of type {_type.value}")
    async def _typed(ground: Ground, key_type: KeyType = _type) -> Response:
        return await Speaker(ground, generate(key_type)).register()


for _name, _payload in {
    "nothing": None,
    "an empty object": {},
    "terms refused": {"termsOfServiceAgreed": False},
    "terms as a text": {"termsOfServiceAgreed": "true"},
    "only an account that exists": {"onlyReturnExisting": True},
    "a status": {"termsOfServiceAgreed": True, "status": "revoked"},
    "a member that nobody knows": {"termsOfServiceAgreed": True, "evercert": 1},
}.items():

    @_cases(f"newAccount with {_name}")
    async def _asked(ground: Ground, payload: Any = _payload) -> Response:
        return await ground.speaker().post("newAccount", payload)


_CONTACTS: Final[Mapping[str, Any]] = {
    "one": ["mailto:a@example.com"],
    "two": ["mailto:a@example.com", "mailto:b@example.com"],
    "none": [],
    "null": None,
    "a text": "mailto:a@example.com",
    "a number in the list": [7],
    "a telephone": ["tel:+49301234"],
    "no scheme": ["a@example.com"],
    "no address": ["mailto:"],
    "no domain": ["mailto:a"],
    "two addresses in one": ["mailto:a@example.com,b@example.com"],
    "header fields": ["mailto:a@example.com?subject=x"],
    "a line break": ["mailto:a@example.com\r\nBcc: b@example.com"],
    "a name beside it": ["mailto:Somebody <a@example.com>"],
    "an address of one label": ["mailto:root@localhost"],
    "not ASCII": ["mailto:ä@example.com"],
    "a thousand": [f"mailto:a{number}@example.com" for number in range(1000)],
    "of a megabyte": ["mailto:" + "a" * 300_000 + "@example.com"],
    "capitals": ["MAILTO:A@EXAMPLE.COM"],
}

for _name, _contact in _CONTACTS.items():

    @_cases(f"contact: {_name}")
    async def _made(ground: Ground, contact: Any = _contact) -> Response:
        return await ground.speaker().register(contact=contact)

    @_cases(f"contact changed: {_name}")
    async def _changed(ground: Ground, contact: Any = _contact) -> Response:
        speaker = await ground.registered()
        return await speaker.post(speaker.kid, {"contact": contact})


@_cases("the same key again")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    speaker.kid = ""
    return await speaker.register()


@_cases("only what exists, and it does")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    speaker.kid = ""
    return await speaker.post("newAccount", {"onlyReturnExisting": True})


@_cases("read")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    return await speaker.post(speaker.kid)


for _name, _update in {
    "nothing": {},
    "deactivated": {"status": "deactivated"},
    "revoked by its owner": {"status": "revoked"},
    "valid": {"status": "valid"},
    "a status that there is not": {"status": "asleep"},
    "a status that is a number": {"status": 7},
    "its orders": {"orders": "https://elsewhere.test/"},
}.items():

    @_cases(f"updated: {_name}")
    async def _updated(ground: Ground, update: Any = _update) -> Response:
        speaker = await ground.registered()
        return await speaker.post(speaker.kid, update)


@_cases("deactivated: it reads itself")
async def _(ground: Ground) -> Response:
    speaker = await ended(ground)
    return await speaker.post(speaker.kid)


@_cases("deactivated: it orders")
async def _(ground: Ground) -> Response:
    return await (await ended(ground)).order(ground.name())


@_cases("deactivated: it registers again")
async def _(ground: Ground) -> Response:
    speaker = await ended(ground)
    speaker.kid = ""
    return await speaker.register()


@_cases("deactivated: it revokes")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    order = await speaker.issued(ground.name())
    await speaker.post(speaker.kid, {"status": "deactivated"})
    return await speaker.post("revokeCert", {"certificate": order["der"]})


async def ended(ground: Ground) -> Speaker:
    speaker = await ground.registered()
    await speaker.post(speaker.kid, {"status": "deactivated"})
    return speaker


for _name, _payload in {
    "read": None,
    "deactivated": {"status": "deactivated"},
    "given a contact": {"contact": []},
}.items():

    @_cases(f"another's: {_name}")
    async def _anothers(ground: Ground, payload: Any = _payload) -> Response:
        speaker, other = await ground.registered(), await ground.registered()
        return await speaker.post(other.kid, payload)


@_cases("another's list of orders")
async def _(ground: Ground) -> Response:
    speaker, other = await ground.registered(), await ground.registered()
    return await speaker.post(document(await other.post(other.kid))["orders"])


@_cases("its list of orders, with a cursor that is none")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    return await speaker.post(f"{document(await speaker.post(speaker.kid))['orders']}?cursor=x")


# Key changes


async def changed(ground: Ground, **changes: Any) -> Response:
    """A key change with something in it that is not right."""
    speaker, new = await ground.registered(), generate(KeyType.EC256)
    url = ground.url("keyChange")
    payload = {"account": speaker.kid, "oldKey": speaker.key.jwk, **changes.pop("payload", {})}
    header = {"alg": new.jws_alg, "url": url, "jwk": new.jwk, **changes.pop("header", {})}
    header = {name: value for name, value in header.items() if value is not None}
    encoded = json.dumps({name: value for name, value in payload.items() if value is not None}).encode()
    return await speaker.post("keyChange", flattened(json.dumps(header).encode(), encoded, new, **changes))


_CHANGES: Final[Mapping[str, dict[str, Any]]] = {
    "right": {},
    "of another account": {"payload": {"account": "https://elsewhere.test/acme/account/1"}},
    "without an account": {"payload": {"account": None}},
    "with another old key": {"payload": {"oldKey": generate(KeyType.EC256).jwk}},
    "without the old key": {"payload": {"oldKey": None}},
    "with an old key that is none": {"payload": {"oldKey": {"kty": "EC"}}},
    "with an old key that is a number": {"payload": {"oldKey": 7}},
    "with a url of its own": {"header": {"url": "https://elsewhere.test/"}},
    "without a url": {"header": {"url": None}},
    "with a nonce": {"header": {"nonce": "AAAA"}},
    "with a kid": {"header": {"kid": "x"}},
    "without a jwk": {"header": {"jwk": None}},
    "by alg none": {"header": {"alg": "none"}},
    "with a signature of another": {"signature": lambda octets: bytes(64)},
}

for _name, _changes in _CHANGES.items():

    @_cases(f"key change: {_name}")
    async def _change(ground: Ground, changes: dict[str, Any] = _changes) -> Response:
        return await changed(ground, **changes)


@_cases("key change: to the key that it has")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    inner = key_change(speaker.key, speaker.key, account_url=speaker.kid, url=ground.url("keyChange"))
    return await speaker.post("keyChange", inner)


@_cases("key change: to another account's key")
async def _(ground: Ground) -> Response:
    speaker, other = await ground.registered(), await ground.registered()
    inner = key_change(speaker.key, other.key, account_url=speaker.kid, url=ground.url("keyChange"))
    return await speaker.post("keyChange", inner)


@_cases("key change: no JWS")
async def _(ground: Ground) -> Response:
    return await (await ground.registered()).post("keyChange", {"account": "x"})


@_cases("key change: POST-as-GET")
async def _(ground: Ground) -> Response:
    return await (await ground.registered()).post("keyChange")


@_cases("key change: the old key afterwards")
async def _(ground: Ground) -> Response:
    speaker, new = await ground.registered(), generate(KeyType.EC256)
    inner = key_change(speaker.key, new, account_url=speaker.kid, url=ground.url("keyChange"))
    await speaker.post("keyChange", inner)
    return await speaker.post(speaker.kid)


@_cases("key change: the new key afterwards")
async def _(ground: Ground) -> Response:
    speaker, new = await ground.registered(), generate(KeyType.EC256)
    inner = key_change(speaker.key, new, account_url=speaker.kid, url=ground.url("keyChange"))
    await speaker.post("keyChange", inner)
    speaker.key = new
    return await speaker.post(speaker.kid)


# External accounts: these have a ground where one is required


async def bound(ground: Ground, **changes: Any) -> Response:
    speaker = ground.speaker()
    kid, key = ground.eab
    given = {
        "kid": kid,
        "key": Secret(key),
        "algorithm": "HS256",
        "jwk": speaker.key.jwk,
        "url": ground.url("newAccount"),
    }
    jws = changes.pop("jws", {})
    return await speaker.register(externalAccountBinding={**external_account_binding(**{**given, **changes}), **jws})


_BINDINGS: Final[Mapping[str, dict[str, Any]]] = {
    "right": {},
    "of a key id that nobody has": {"kid": "nobody"},
    "with another key": {"key": Secret("AAAA")},
    "by HS512": {"algorithm": "HS512"},
    "with another url": {"url": "https://elsewhere.test/"},
    "for another key": {"jwk": generate(KeyType.EC256).jwk},
    "for no key": {"jwk": {}},
    "with a signature that is none": {"jws": {"signature": "AAAA"}},
    "with a header that is none": {"jws": {"protected": "AAAA"}},
}

for _name, _changes in _BINDINGS.items():

    @_cases(f"external: {_name}")
    async def _binding(ground: Ground, changes: dict[str, Any] = _changes) -> Response:
        return await bound(ground, **changes)


for _name, _value in {"none": None, "null": ..., "a text": "x", "a list": [], "an empty object": {}}.items():

    @_cases(f"external: binding is {_name}")
    async def _bare(ground: Ground, value: Any = _value) -> Response:
        more = {} if value is None else {"externalAccountBinding": None if value is ... else value}
        return await ground.speaker().register(**more)


@_cases("external: a binding signed by the account's key")
async def _(ground: Ground) -> Response:
    speaker = ground.speaker()
    header = {"alg": "ES256", "kid": ground.eab[0], "url": ground.url("newAccount")}
    inner = flattened(json.dumps(header).encode(), json.dumps(speaker.key.jwk).encode(), speaker.key)
    return await speaker.register(externalAccountBinding=json.loads(inner))
