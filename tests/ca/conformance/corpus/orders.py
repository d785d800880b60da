"""Orders, authorizations, challenges (RFC 8555 §7.4, §7.5; RFC 9773; profiles).

Not here: a challenge that is answered after its authorization was given up; Pebble 2.10.1 has no answer to that at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from evercert.base.message import Response
from tests.ca.conformance.corpus.cases import Cases
from tests.ca.conformance.ground import Ground, Speaker, csr_of, document

_cases: Final = Cases("order")
CASES: Final = _cases.named


def dns(*names: object) -> list[dict[str, object]]:
    return [{"type": "dns", "value": name} for name in names]


_IDENTIFIERS: Final[Mapping[str, Any]] = {
    "one name": dns("a.example.com"),
    "a hundred names": dns(*(f"a{number}.example.com" for number in range(100))),
    "101 names": dns(*(f"a{number}.example.com" for number in range(101))),
    "a wildcard": dns("*.example.com"),
    "a wildcard and its base": dns("*.example.com", "example.com"),
    "a wildcard and a name that it covers": dns("*.example.com", "a.example.com"),
    "capitals": dns("WWW.Example.COM"),
    "the same name twice": dns("a.example.com", "a.example.com"),
    "the same name in capitals": dns("a.example.com", "A.example.com"),
    "a name of the reverse zone": dns("1.0.0.127.in-addr.arpa"),
    "a name of one label": dns("localhost"),
    "a name with a dot at its end": dns("a.example.com."),
    "a name with a space": dns("a b.example.com"),
    "a name with an underscore": dns("a_b.example.com"),
    "a name with a NUL": dns("a\0.example.com"),
    "a name with a line break": dns("a.example.com\r\n"),
    "a name with two dots": dns("a..example.com"),
    "a name that begins with a dot": dns(".example.com"),
    "a name that begins with a hyphen": dns("-a.example.com"),
    "a name that ends with a hyphen": dns("a-.example.com"),
    "a name that is a number": dns(7),
    "no name": dns(""),
    "null for a name": dns(None),
    "a label of 64": dns("a" * 64 + ".example.com"),
    "a label of 63": dns("a" * 63 + ".example.com"),
    "a name of 254": dns(".".join(["a" * 49] * 5) + ".xxxx"),
    "a URL": dns("https://a.example.com/"),
    "a port": dns("a.example.com:443"),
    "an e-mail address": dns("a@example.com"),
    "not ASCII": dns("bücher.example.com"),
    "an A-label": dns("xn--bcher-kva.example.com"),
    "an A-label that is none": dns("xn--a.example.com"),
    "hyphens in the third and fourth place": dns("ab--cd.example.com"),
    "an address as a name": dns("127.0.0.1"),
    "a label of digits at the end": dns("x.127.0.0.1"),
    "an IPv6 address as a name": dns("::1"),
    "two stars": dns("*.*.example.com"),
    "a star in the middle": dns("a.*.example.com"),
    "a star in a label": dns("a*.example.com"),
    "only a star": dns("*"),
    "a star above a top level": dns("*.com"),
    "an address": [{"type": "ip", "value": "10.0.0.1"}],
    "an IPv6 address": [{"type": "ip", "value": "2001:db8::1"}],
    "an IPv6 address in long form": [{"type": "ip", "value": "2001:0db8:0:0:0:0:0:1"}],
    "an address that is a name": [{"type": "ip", "value": "a.example.com"}],
    "an address with a zone": [{"type": "ip", "value": "fe80::1%eth0"}],
    "an address with a prefix": [{"type": "ip", "value": "10.0.0.0/8"}],
    "an address with zeros": [{"type": "ip", "value": "010.000.000.001"}],
    "an address as a number": [{"type": "ip", "value": "167772161"}],
    "a type that there is not": [{"type": "email", "value": "a@example.com"}],
    "a type in capitals": [{"type": "DNS", "value": "a.example.com"}],
    "no type": [{"value": "a.example.com"}],
    "no value": [{"type": "dns"}],
    "a type that is a number": [{"type": 7, "value": "a.example.com"}],
    "none": [],
    "null": None,
    "a text": "a.example.com",
    "an object": {},
    "a list of texts": ["a.example.com"],
    "null in the list": [None],
    "a good and a bad one": dns("a.example.com", "a_b.example.com"),
    "two thousand": dns(*(f"a{number}.example.com" for number in range(2000))),
}

for _name, _wanted in _IDENTIFIERS.items():

    @_cases(f"identifiers: {_name}")
    async def _identified(ground: Ground, wanted: Any = _wanted) -> Response:
        return await (await ground.registered()).post("newOrder", {"identifiers": wanted})


_MORE: Final[Mapping[str, dict[str, Any]]] = {
    "notAfter in a week": {"notAfter": "{week}"},
    "notBefore and notAfter": {"notBefore": "{now}", "notAfter": "{week}"},
    "notAfter before notBefore": {"notBefore": "{week}", "notAfter": "{now}"},
    "notAfter in the past": {"notAfter": "2020-01-01T00:00:00Z"},
    "notAfter in a thousand years": {"notAfter": "3020-01-01T00:00:00Z"},
    "notBefore without a zone": {"notBefore": "2026-01-01T00:00:00"},
    "notBefore that is no moment": {"notBefore": "tomorrow"},
    "notBefore that is a number": {"notBefore": 7},
    "notBefore that is empty": {"notBefore": ""},
    "a profile": {"profile": "default"},
    "a profile that there is not": {"profile": "nothing"},
    "a profile that is a number": {"profile": 7},
    "replaces of nothing": {"replaces": "AAAA.AAAA"},
    "replaces that is no identifier": {"replaces": "not an identifier"},
    "replaces that is empty": {"replaces": ""},
    "a status": {"status": "ready"},
    "a member that nobody knows": {"evercert": True},
}

for _name, _more in _MORE.items():

    @_cases(f"with {_name}")
    async def _with(ground: Ground, more: dict[str, Any] = _more) -> Response:
        speaker = await ground.registered()
        return await speaker.order(ground.name(), **{name: ground.dated(value) for name, value in more.items()})


@_cases("by POST-as-GET")
async def _(ground: Ground) -> Response:
    return await (await ground.registered()).post("newOrder")


@_cases("the same again")
async def _(ground: Ground) -> Response:
    speaker, name = await ground.registered(), ground.name()
    await speaker.order(name)
    return await speaker.order(name)


# Resources: their owner, another, and what nobody may do


async def places(speaker: Speaker) -> dict[str, str]:
    placed = await speaker.order(speaker.ground.name())
    order = document(placed)
    (authorization,) = order["authorizations"]
    challenge = next(
        each for each in document(await speaker.post(authorization))["challenges"] if each["type"] == "http-01"
    )
    location = placed.header("location") or ""
    return {
        "order": location,
        "finalize": order["finalize"],
        "authorization": authorization,
        "challenge": challenge["url"],
    }


for _kind in ("order", "finalize", "authorization", "challenge"):
    for _name, _payload in {
        "POST-as-GET": None,
        "an empty object": {},
        "null": b"null",
        "a list": b"[]",
        "a text": b"x",
        "deactivated": {"status": "deactivated"},
        "valid": {"status": "valid"},
    }.items():

        @_cases(f"{_kind}: {_name}")
        async def _own(ground: Ground, kind: str = _kind, payload: Any = _payload) -> Response:
            speaker = await ground.registered()
            return await speaker.post((await places(speaker))[kind], payload)

    for _name, _payload in {
        "POST-as-GET": None,
        "an empty object": {},
        "deactivated": {"status": "deactivated"},
    }.items():

        @_cases(f"another's {_kind}: {_name}")
        async def _anothers(ground: Ground, kind: str = _kind, payload: Any = _payload) -> Response:
            speaker, other = await ground.registered(), await ground.registered()
            return await speaker.post((await places(other))[kind], payload)


@_cases("authorization: deactivated twice")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    authorization = (await places(speaker))["authorization"]
    await speaker.post(authorization, {"status": "deactivated"})
    return await speaker.post(authorization, {"status": "deactivated"})


@_cases("authorization: deactivated once it is valid")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    order = await speaker.ready(ground.name())
    return await speaker.post(order["authorizations"][0], {"status": "deactivated"})


@_cases("challenge: answered when it is valid")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    order = await speaker.ready(ground.name())
    shown = document(await speaker.post(order["authorizations"][0]))
    done = next(each for each in shown["challenges"] if each["status"] == "valid")
    return await speaker.post(done["url"], {})


@_cases("challenge: answered with a keyAuthorization of old drafts")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    return await speaker.post((await places(speaker))["challenge"], {"keyAuthorization": "x"})


@_cases("finalize: before it is ready")
async def _(ground: Ground) -> Response:
    speaker, name = await ground.registered(), ground.name()
    order = document(await speaker.order(name))
    return await speaker.post(order["finalize"], {"csr": csr_of(name)})


@_cases("finalize: after an authorization was given up")
async def _(ground: Ground) -> Response:
    speaker, name = await ground.registered(), ground.name()
    order = await speaker.ready(name)
    await speaker.post(order["authorizations"][0], {"status": "deactivated"})
    return await speaker.post(order["finalize"], {"csr": csr_of(name)})


for _name, _names in {"a name more": ("{n}", "more.example.com"), "another name": ("other.example.com",)}.items():

    @_cases(f"finalize: for {_name}")
    async def _for(ground: Ground, names: tuple[str, ...] = _names) -> Response:
        speaker, name = await ground.registered(), ground.name()
        order = await speaker.ready(name)
        return await speaker.post(order["finalize"], {"csr": csr_of(*(each.format(n=name) for each in names))})
