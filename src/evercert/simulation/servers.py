"""The servers of the simulated world that certificates are installed into, and the deploy target that does so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from evercert.base.errors import EvercertError
from evercert.pki.cert import read_certificate
from evercert.plugins import registry
from evercert.plugins.contracts import Bundle, Endpoint, Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind
from evercert.simulation.clock import WorldClock
from evercert.simulation.faults import FaultKind, Weather
from evercert.simulation.trace import Trace

__all__ = ["Server", "ServerTarget", "Servers", "Shake"]


@dataclass(frozen=True, slots=True)
class Shake:
    """Keeps the contract of `deploy.proof.Handshake`."""

    address: str
    leaf_der: bytes
    error: EvercertError | None = None


@dataclass
class Server:
    """What is staged, in place and settled in its files, and what it serves since when: `history` is all of it."""

    name: str
    number: int
    staged: dict[int, Bundle] = field(default_factory=dict)
    in_place: Bundle | None = None
    settled: Bundle | None = None
    served: Bundle | None = None
    history: list[tuple[float, Bundle | None]] = field(default_factory=list)
    reloads: int = 0

    def serve(self, now: float) -> None:
        if self.served is not self.in_place:
            self.served = self.in_place
            self.history.append((now, self.served))


class Servers:
    """All servers of the world, by name. `load` and `probe` are what an engine is given instead of its own."""

    def __init__(self, clock: WorldClock, weather: Weather, rng: Random, trace: Trace) -> None:
        self.clock = clock
        self.weather = weather
        self.rng = rng
        self.trace = trace
        self.by_name: dict[str, Server] = {}
        self.target = type("TargetOfThisWorld", (ServerTarget,), {"servers": self})

    def load(self, kind: PluginKind, name: str) -> Any:
        if kind is PluginKind.DEPLOY and name == ServerTarget.info.name:
            return self.target
        return registry.load(kind, name)

    def server(self, name: str) -> Server:
        return self.by_name.setdefault(name, Server(name, len(self.by_name)))

    async def probe(self, host: str, port: int, server_name: str) -> Sequence[Shake]:
        await self.clock.sleep(0.03)
        served = self.server(host).served
        if served is None:
            return [Shake("192.0.2.80", b"", EvercertError("tls", "it has no certificate"))]
        return [Shake("192.0.2.80", served.leaf_der)]

    def fault_at(self, server: Server, kind: FaultKind) -> bool:
        return self.weather.at(self.clock.monotonic(), kind, server.number % 4, 4) is not None


class ServerTarget:
    """Keeps the contract of `Target`; the options name the server."""

    info: ClassVar[PluginInfo] = PluginInfo(
        "server", PluginKind.DEPLOY, "a server of the simulated world", (Field("server", "its name", required=True),)
    )
    servers: ClassVar[Servers]

    def __init__(self, options: Options, ports: Ports, state: Path) -> None:
        self._server = self.servers.server(options["server"])
        self._clock = ports.clock

    @staticmethod
    def keeps_state(options: Options) -> bool:
        return False

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Nobody is kept out: who may work on a certificate is for the engine to know."""
        await self._clock.sleep(0.001)
        yield

    async def stage(self, bundle: Bundle) -> None:
        await self._moment()
        self._refuse_older(bundle)
        self._server.staged[bundle.issued_id] = bundle

    async def check(self, bundle: Bundle) -> None:
        await self._moment()
        if read_certificate(bundle.leaf_der).not_after <= self.servers.clock.now():
            raise EvercertError("deploy", "the certificate is over")

    async def swap(self, bundle: Bundle) -> None:
        await self._moment()
        # Between the staging and now this process may have stood still while another one went on.
        self._refuse_older(bundle)
        self._server.in_place = self._server.staged[bundle.issued_id]

    async def reload(self, bundle: Bundle) -> None:
        await self._moment()
        self._server.reloads += 1
        odd = self._server.reloads % 2 == 1
        if self.servers.fault_at(self._server, FaultKind.TARGET_FAILING) or (odd and self._flaps() and self._chance()):
            raise EvercertError("deploy", "the server refused to reload")
        if not (odd and self._flaps()):
            self._server.serve(self.servers.clock.monotonic())
            served = self._server.served
            what = f"serves {served.issued_id}" if served else "serves nothing"
            self.servers.trace.note(self.servers.clock.monotonic(), self._server.name, what)

    async def roll_back(self, bundle: Bundle) -> None:
        await self._moment()
        self._server.in_place = self._server.settled

    async def settle(self, bundle: Bundle) -> None:
        await self._moment()
        self._server.settled = self._server.in_place
        newest = self._server.in_place.issued_id if self._server.in_place else 0
        self._server.staged = {number: each for number, each in self._server.staged.items() if number >= newest}

    async def endpoints(self, bundle: Bundle) -> Sequence[Endpoint]:
        return (Endpoint(self._server.name, 443, str(bundle.identifiers[0])),)

    async def _moment(self) -> None:
        """Everything takes time, in which anything may happen; a dead process comes no further."""
        await self._clock.sleep(self.servers.rng.uniform(0.001, 0.3))

    def _refuse_older(self, bundle: Bundle) -> None:
        in_place = self._server.in_place
        if in_place is not None and in_place.issued_id > bundle.issued_id:
            raise EvercertError("deploy", "a newer certificate is installed already")

    def _flaps(self) -> bool:
        return self.servers.fault_at(self._server, FaultKind.TARGET_FLAPPING)

    def _chance(self) -> bool:
        return self.servers.rng.random() < 0.5
