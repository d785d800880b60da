"""Malformed requests without end, always the same ones for a seed: before the signature is looked at, and, signed as
they should be, behind it.

    python -m tests.ca.conformance.fuzz 100000 [SEED]
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from evercert.acme.jose import CONTENT_TYPE, b64url, external_account_binding, key_change, unb64url
from evercert.acme.problem import ProblemType, problem_type
from evercert.base.message import Request, Response, Transport
from evercert.base.secret import Secret
from evercert.ca.limits import Limits
from evercert.ca.profiles.profile import BUILT_IN
from evercert.ca.rules import Rules
from evercert.pki.keys import KeyType, generate
from tests.ca.conformance.ground import Ground, Speaker, csr_of, document, flattened
from tests.ca.conformance.grounds import EAB, directory_at
from tests.ca.conformance.mutations import mutated_der, mutated_json, mutated_octets, mutated_path, mutated_text
from tests.ca.given import BASE, World, a_ca

__all__ = ["Fuzz", "fuzzed_ca"]

# So many requests are made of one set of resources; then new ones are taken, because the old ones are used up.
_ROUND: Final = 400
_DEFAULT: Final = BUILT_IN["default"]
_DEVICES: Final = msgspec.structs.replace(_DEFAULT, names=(*_DEFAULT.names, "permanent-identifier", "hardware-module"))


@dataclass
class Stock:
    """What the requests of one round are made of."""

    speaker: Speaker
    places: Mapping[str, str]
    der: bytes


@dataclass
class Fuzz:
    """*transport* carries the requests to the CA that *ground* speaks to. `counted` is what was answered."""

    ground: Ground
    transport: Transport
    rng: Random
    counted: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    async def run(self, number: int) -> None:
        """Afterwards so many malformed requests were answered, and the CA still issues."""
        for begin in range(0, number, _ROUND):
            stock = await self._stock()
            for _ in range(min(_ROUND, number - begin)):
                await self._shoot(stock)
        await self._stock()

    async def _stock(self) -> Stock:
        """A new account with an order at each step; so it proves, too, that the CA issues."""
        speaker, ground = await self.ground.registered(), self.ground
        issued = await speaker.issued(ground.name(), key=generate(KeyType.EC256))
        ready, open_one = await speaker.ready(ground.name()), document(await speaker.order(ground.name()))
        device = await speaker.post("newOrder", {"identifiers": [{"type": "permanent-identifier", "value": "SN-1"}]})
        places = {
            "certificate": issued["certificate"],
            "finalize": ready["finalize"],
            "order": open_one["finalize"].removesuffix("/finalize"),
            "authorization": open_one["authorizations"][0],
            "challenge": await self._challenge(speaker, open_one["authorizations"][0]),
            "attestation": await self._challenge(speaker, document(device)["authorizations"][0]),
            "account": speaker.kid,
            "orders": f"{speaker.kid}/orders",
        }
        return Stock(speaker, places, unb64url(issued["der"]))

    async def _challenge(self, speaker: Speaker, authorization: str) -> str:
        return str(document(await speaker.post(authorization))["challenges"][0]["url"])

    async def _shoot(self, stock: Stock) -> None:
        shot = self.rng.choice(_SHOTS)
        request = await shot(self, stock)
        answer = await self.transport.send(request)
        stock.speaker.nonce = answer.header("replay-nonce") or ""
        if fault := fault_of(request, answer):
            self.wrong.append(f"{shot.__name__}: {fault}: {request.method} {request.url[:200]} {request.body[:2000]!r}")
        self.counted[f"{answer.status} {kind_of(answer)}".strip()] += 1

    # What goes into a request that is right

    def _wishes(self) -> dict[str, Any]:
        week = self.ground.dated("{week}")
        recurrence = {"end-date": week, "lifetime": 7200, "allow-certificate-get": True}
        return {"notAfter": week, "profile": "default", "replaces": "AAAA.AAAA", "auto-renewal": recurrence}

    def body(self, stock: Stock, place: str) -> dict[str, Any]:
        name, key = self.ground.name(), stock.speaker.key
        url = self.ground.url("keyChange")
        good: dict[str, Callable[[], dict[str, Any]]] = {
            "newOrder": lambda: {
                "identifiers": [{"type": "dns", "value": name}, {"type": "ip", "value": "10.0.0.1"}],
                **{each: value for each, value in self._wishes().items() if self.rng.random() < 0.2},
            },
            "newAuthz": lambda: {"identifier": {"type": "dns", "value": name}, "subdomainAuthAllowed": True},
            "newAccount": lambda: {
                "termsOfServiceAgreed": True,
                "contact": ["mailto:a@example.com"],
                "externalAccountBinding": external_account_binding(
                    EAB[0], Secret(EAB[1]), "HS256", key.jwk, self.ground.url("newAccount")
                ),
            },
            "keyChange": lambda: json.loads(key_change(key, key, account_url=stock.speaker.kid, url=url)),
            "revokeCert": lambda: {"certificate": b64url(stock.der), "reason": 1},
            "finalize": lambda: {"csr": csr_of(name)},
            "attestation": lambda: {"attObj": b64url(b"\xa3\x63fmt\x63tpm\x67attStmt\xa0\x68authData\x40")},
            "account": lambda: {"contact": ["mailto:b@example.com"], "status": "valid"},
            "authorization": lambda: {"status": "deactivated"},
            "order": lambda: {"status": "canceled"},
        }
        return good.get(place, dict)()


def fault_of(request: Request, answer: Response) -> str:
    """Why that is no answer to a malformed request; "" where it is one. Beside ACME nobody speaks of problems."""
    if answer.status >= 500:
        return f"status {answer.status}: {answer.body[:500]!r}"
    if answer.status >= 400 and kind_of(answer) == "?" and request.url.startswith(f"{BASE}/acme/"):
        return f"no problem of the registry: {answer.body[:500]!r}"
    return ""


def kind_of(answer: Response) -> str:
    """The problem's name; "?" for what is none of the registry."""
    if answer.status < 400 or not answer.body:
        return ""
    try:
        kind = problem_type(document(answer)["type"])
    except (ValueError, KeyError):
        return "?"
    return kind.value.name if kind is not ProblemType.OTHER else "?"


_NAMED: Final = ("newOrder", "newAuthz", "newAccount", "keyChange", "revokeCert")
Shot = Callable[[Fuzz, Stock], Awaitable[Request]]


def place_of(fuzz: Fuzz, stock: Stock) -> str:
    return fuzz.rng.choice((*_NAMED, *stock.places))


def url_of(fuzz: Fuzz, stock: Stock, place: str) -> str:
    return stock.places.get(place) or fuzz.ground.url(place)


async def signed(fuzz: Fuzz, stock: Stock, place: str, payload: bytes | None, url: str = "", **changes: Any) -> Request:
    """The request, right but for its payload and *changes*."""
    target, speaker = url or url_of(fuzz, stock, place), stock.speaker
    header = changes.pop("header", {})
    if place == "newAccount":
        header = {"kid": None, "jwk": speaker.key.jwk, **header}
    body = await speaker.signed(target, payload, header=header, **changes)
    return Request("POST", target, {"content-type": CONTENT_TYPE}, body)


# Those that read a payload; new orders have most to read.
_READING: Final = (*["newOrder"] * 4, *_NAMED, "finalize", "attestation", "account", "authorization", "order")


async def payload_behind_the_signature(fuzz: Fuzz, stock: Stock) -> Request:
    place = fuzz.rng.choice(_READING)
    return await signed(fuzz, stock, place, mutated_json(fuzz.rng, fuzz.body(stock, place)))


async def der_behind_the_signature(fuzz: Fuzz, stock: Stock) -> Request:
    if fuzz.rng.random() < 0.3:
        certificate = b64url(mutated_der(fuzz.rng, stock.der))
        return await signed(fuzz, stock, "revokeCert", json.dumps({"certificate": certificate}).encode())
    csr = mutated_der(fuzz.rng, unb64url(fuzz.body(stock, "finalize")["csr"]))
    return await signed(fuzz, stock, "finalize", json.dumps({"csr": b64url(csr)}).encode())


async def cbor_behind_the_signature(fuzz: Fuzz, stock: Stock) -> Request:
    said = mutated_octets(fuzz.rng, unb64url(fuzz.body(stock, "attestation")["attObj"]), 6)
    return await signed(fuzz, stock, "attestation", json.dumps({"attObj": b64url(said)}).encode())


async def header_under_the_signature(fuzz: Fuzz, stock: Stock) -> Request:
    place, speaker = place_of(fuzz, stock), stock.speaker
    header = {"alg": "ES256", "url": url_of(fuzz, stock, place), "nonce": await speaker.fresh(), "kid": speaker.kid}
    if fuzz.rng.random() < 0.4:
        del header["kid"]
        header |= {"jwk": dict(speaker.key.jwk)}
    protected = mutated_json(fuzz.rng, header)
    return await signed(fuzz, stock, place, json.dumps(fuzz.body(stock, place)).encode(), protected=protected)


async def inner_jws(fuzz: Fuzz, stock: Stock) -> Request:
    """Of a key change, or of a binding: what the outer signature says nothing about."""
    rng, new = fuzz.rng, generate(KeyType.EC256)
    url = fuzz.ground.url("keyChange")
    payload = {"account": stock.speaker.kid, "oldKey": dict(stock.speaker.key.jwk)}
    protected = {"alg": "ES256", "url": url, "jwk": dict(new.jwk)}
    which = rng.random()
    inner = flattened(
        mutated_json(rng, protected) if which < 0.5 else json.dumps(protected).encode(),
        mutated_json(rng, payload) if which >= 0.5 else json.dumps(payload).encode(),
        new,
    )
    if rng.random() < 0.5:
        return await signed(fuzz, stock, "keyChange", inner)
    whole = json.dumps({"termsOfServiceAgreed": True, "externalAccountBinding": json.loads(inner)}).encode()
    return await signed(fuzz, stock, "newAccount", whole, key=new, header={"jwk": new.jwk})


async def whole_jws(fuzz: Fuzz, stock: Stock) -> Request:
    place = place_of(fuzz, stock)
    request = await signed(fuzz, stock, place, json.dumps(fuzz.body(stock, place)).encode())
    mutated = mutated_json(fuzz.rng, json.loads(request.body))
    return Request("POST", request.url, request.headers, mutated)


async def octets_of_the_body(fuzz: Fuzz, stock: Stock) -> Request:
    place = place_of(fuzz, stock)
    request = await signed(fuzz, stock, place, json.dumps(fuzz.body(stock, place)).encode())
    return Request("POST", request.url, request.headers, mutated_octets(fuzz.rng, request.body))


async def path_under_the_signature(fuzz: Fuzz, stock: Stock) -> Request:
    place = place_of(fuzz, stock)
    url = url_of(fuzz, stock, place)
    path = "/acme" + mutated_path(fuzz.rng, url.removeprefix(f"{BASE}/acme"))
    query = fuzz.rng.choice(("", "", "?after=1", "?after=-1", "?after=99999999999999999999", "?a=b&c", "?%00"))
    return await signed(fuzz, stock, place, fuzz.rng.choice((None, b"{}")), url=f"{BASE}{path}{query}")


async def headers_and_methods(fuzz: Fuzz, stock: Stock) -> Request:
    place, rng = place_of(fuzz, stock), fuzz.rng
    request = await signed(fuzz, stock, place, None)
    headers = {
        "content-type": rng.choice((CONTENT_TYPE, CONTENT_TYPE.upper(), _field(rng, CONTENT_TYPE))),
        "accept": rng.choice(("application/pkix-cert;q=1e9", ",;q=,*/*;q=nan", _field(rng, "application/*;q=0.5"))),
        _name(rng): _field(rng, "x"),
    }
    method = rng.choice(("POST", "POST", "GET", "HEAD", "PUT", "OPTIONS", "TRACE", "DELETE"))
    return Request(method, request.url, headers, request.body if rng.random() < 0.8 else b"")


async def other_paths(fuzz: Fuzz, stock: Stock) -> Request:
    """Renewal information, recurrent certificates, and whatever else is asked without a signature."""
    begin = fuzz.rng.choice(
        ("/acme/renewal-info/AAAA.AAAA", "/acme/star/1", "/acme/directory", "/root/00", "/", "/crl/1")
    )
    return Request("GET", f"{BASE}{mutated_path(fuzz.rng, begin)}")


def _field(rng: Random, text: str) -> str:
    """What llhttp lets through as a field's value."""
    return "".join(each for each in mutated_text(rng, text)[:2000] if " " <= each <= "~").strip()


def _name(rng: Random) -> str:
    return rng.choice(("x-forwarded-for", "host", "accept-encoding", "link", "range", "if-none-match"))


_SHOTS: Final[tuple[Shot, ...]] = (
    payload_behind_the_signature,
    payload_behind_the_signature,
    payload_behind_the_signature,
    der_behind_the_signature,
    der_behind_the_signature,
    cbor_behind_the_signature,
    header_under_the_signature,
    inner_jws,
    whole_jws,
    octets_of_the_body,
    path_under_the_signature,
    headers_and_methods,
    other_paths,
)


@asynccontextmanager
async def fuzzed_ca(folder: Path) -> AsyncIterator[tuple[World, Ground]]:
    """A CA without limits, which would keep most requests from what lies behind them, and that takes devices."""
    rules = Rules(terms=f"{BASE}/terms")
    async with a_ca(folder, rules=rules, limits=Limits({}), profiles={**BUILT_IN, "default": _DEVICES}) as world:

        async def pause() -> None:
            await asyncio.sleep(0)

        directory = await directory_at(world.transport, f"{BASE}/acme/directory")
        yield world, Ground(world.transport, directory, world.serve, pause, world.clock.now(), EAB)


@dataclass
class Forgetful:
    """A transport that keeps nothing of what went through it."""

    world: World

    async def send(self, request: Request) -> Response:
        answer = await self.world.transport.send(request)
        self.world.transport.seen.clear()
        return answer


def resident() -> int:
    """MiB that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20


async def main(number: int, seed: int) -> int:
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    with TemporaryDirectory() as folder:
        async with fuzzed_ca(Path(folder) / "ca") as (world, ground):
            ground.transport = Forgetful(world)
            fuzz, begun, part = Fuzz(ground, ground.transport, Random(seed)), time.monotonic(), max(number // 10, 1)
            for done in range(0, number, part):
                await fuzz.run(min(part, number - done))
                sys.stdout.write(f"{done + part:>8} requests  {time.monotonic() - begun:7.1f} s  {resident():5} MiB\n")
                sys.stdout.flush()
    for said, count in sorted(fuzz.counted.items()):
        sys.stdout.write(f"{count:>8} {said}\n")
    sys.stdout.writelines(f"WRONG {each}\n" for each in fuzz.wrong[:20])
    return len(fuzz.wrong)


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(main(int(sys.argv[1]), int((sys.argv[2:] or ["1"])[0]))) else 0)
