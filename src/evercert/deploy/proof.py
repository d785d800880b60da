"""The proof that a certificate is served: a handshake on every address of every endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from evercert.base.backoff import poll_delay
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.pki.cert import read_certificate
from evercert.plugins.contracts import Bundle, Endpoint

__all__ = ["Handshake", "Probe", "Proof", "Sight", "prove"]

# A reload of nginx or Apache with thousands of sites takes seconds until new workers answer.
_PATIENCE = 20.0
# nginx starts its new workers 100 ms before it tells the old ones to stop: for that long both
# answer, and one right handshake says nothing about the next.
_SETTLING = 0.25
_SIDE_BY_SIDE = 16


class Handshake(Protocol):
    """One handshake, as `net.tls.Served` tells of it."""

    @property
    def address(self) -> str: ...

    @property
    def leaf_der(self) -> bytes: ...

    @property
    def error(self) -> EvercertError | None: ...


class Probe(Protocol):
    """One handshake with every address of *host*; an address that fails is told, not raised."""

    def __call__(self, host: str, port: int, server_name: str) -> Awaitable[Sequence[Handshake]]: ...


@dataclass(frozen=True, slots=True)
class Sight:
    """What one address of an endpoint served. `detail` is empty where it was the right thing."""

    place: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """What every address served at last."""

    sights: tuple[Sight, ...]

    @property
    def served(self) -> bool:
        return bool(self.sights) and not any(sight.detail for sight in self.sights)

    @property
    def detail(self) -> str:
        wrong = [f"{sight.place} {sight.detail}" for sight in self.sights if sight.detail]
        return one_line("; ".join(wrong or [f"served at {', '.join(sight.place for sight in self.sights)}"]), 400)

    def demand(self) -> None:
        """Raises `not-served` unless every address served the certificate."""
        if not self.served:
            hint = "look into the server's error log: it may have refused the reload, or another server has the port"
            raise EvercertError("not-served", self.detail, hint=hint)


async def prove(
    endpoints: Sequence[Endpoint], bundle: Bundle, *, probe: Probe, clock: Clock, patience: float = _PATIENCE
) -> Proof:
    """What the endpoints serve, compared with the bundle's leaf by SHA-256.

    Asks those that serve something else again until *patience* seconds are over, because a
    server answers the reload before its new workers answer us; and once more those that were
    right, because its old workers may still answer besides. The chain is not judged here.
    """
    wanted = sha256(bundle.leaf_der).digest()
    until = clock.monotonic() + patience
    sights: dict[Endpoint, list[Sight]] = {}
    asked, waiting = 0, list(dict.fromkeys(endpoints))
    right_before: set[Endpoint] = set()
    while waiting:
        sights.update(zip(waiting, await _look(waiting, wanted, probe), strict=True))
        right = {each for each in waiting if not any(sight.detail for sight in sights[each])}
        waiting = [each for each in waiting if each not in right & right_before]
        if clock.monotonic() >= until:
            waiting = [each for each in waiting if each in right]
        if waiting:
            await clock.sleep(_SETTLING if right else poll_delay(asked))
            asked += 1
        right_before = right
    return Proof(tuple(sight for seen in sights.values() for sight in seen))


async def _look(endpoints: Sequence[Endpoint], wanted: bytes, probe: Probe) -> list[list[Sight]]:
    room = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def look(endpoint: Endpoint) -> list[Sight]:
        async with room:
            return await _sights(endpoint, wanted, probe)

    return await asyncio.gather(*map(look, endpoints))


async def _sights(endpoint: Endpoint, wanted: bytes, probe: Probe) -> list[Sight]:
    asked_as = f" as {endpoint.server_name}" if endpoint.server_name else ""
    try:
        shakes = await probe(endpoint.host, endpoint.port, endpoint.server_name)
    except EvercertError as error:
        return [Sight(f"{endpoint.host}:{endpoint.port}{asked_as}", error.message)]
    if not shakes:
        return [Sight(f"{endpoint.host}:{endpoint.port}{asked_as}", "has no address")]
    return [Sight(f"{_authority(shake.address, endpoint.port)}{asked_as}", _fault(shake, wanted)) for shake in shakes]


def _authority(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _fault(shake: Handshake, wanted: bytes) -> str:
    if shake.error is not None:
        return f"gave no certificate: {one_line(shake.error.message)}"
    if sha256(shake.leaf_der).digest() == wanted:
        return ""
    try:
        leaf = read_certificate(shake.leaf_der)
    except EvercertError:
        return "serves a certificate that cannot be read"
    return (
        f"still serves serial {leaf.serial} from {one_line(leaf.issuer, 60)}, until {leaf.not_after:%Y-%m-%d %H:%M} UTC"
    )
