"""DNS in the simulated world: a provider's API to write to, servers that show what was written some time later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Final

from evercert.acme.caa import CaaProperty
from evercert.base.errors import EvercertError, NetworkFailure
from evercert.base.message import Request, Response
from evercert.simulation.clock import WorldClock
from evercert.simulation.faults import FaultKind, Weather

__all__ = ["PROVIDER", "Names"]

# Where the provider's API is, for the built-in DNS provider `webhook`.
PROVIDER: Final = "https://dns.simulated.test"

_SERVERS: Final = ("192.0.2.1", "192.0.2.2")
# Beyond what the second server takes, `propagation_timeout` (120 s) decides.
_LONGEST_LAG = 300.0


class Names:
    """All zones of the world. Keeps `plugins.contracts.Resolver`; `answer` is the provider's API."""

    def __init__(self, clock: WorldClock, weather: Weather, rng: Random) -> None:
        self._clock = clock
        self._weather = weather
        self._rng = rng
        # name -> value -> when each server shows it.
        self._texts: dict[str, dict[str, tuple[float, float]]] = {}
        self._written: dict[tuple[str, str], float] = {}

    def standing(self, before: float) -> list[str]:
        """The names at which something stands that was written before that moment."""
        return sorted({name for (name, _), at in self._written.items() if at < before})

    def answer(self, request: Request) -> Response:
        """To `POST /present` and `POST /cleanup`."""
        if self._is_down():
            raise NetworkFailure("unreachable", "the DNS provider does not answer")
        asked = json.loads(request.body)
        name, value = asked["fqdn"].rstrip("."), asked["value"]
        if request.url.endswith("/present"):
            self._texts.setdefault(name, {}).setdefault(value, self._shown_at())
            self._written.setdefault((name, value), self._clock.monotonic())
        else:
            self._texts.get(name, {}).pop(value, None)
            self._written.pop((name, value), None)
        return Response(200, (), b"", self._now())

    def shows(self, name: str, value: str) -> bool:
        """Whether the server that the CA happens to ask shows it."""
        if self._is_down():
            return False
        times = self._texts.get(name, {}).get(value)
        return times is not None and times[self._rng.randrange(2)] <= self._clock.monotonic()

    async def txt(self, name: str, *, server: str = "") -> list[str]:
        await self._clock.sleep(0.02)
        self._demand_answer()
        own = _SERVERS.index(server) if server else 0
        now = self._clock.monotonic()
        return [value for value, times in self._texts.get(name, {}).items() if times[own] <= now]

    async def cname(self, name: str) -> str:
        self._demand_answer()
        return ""

    async def zone(self, name: str) -> str:
        self._demand_answer()
        return ".".join(name.split(".")[-2:])

    async def authoritative(self, zone: str) -> list[str]:
        self._demand_answer()
        return list(_SERVERS)

    async def addresses(self, name: str) -> list[str]:
        return ["192.0.2.80"]

    async def caa(self, name: str) -> Sequence[CaaProperty]:
        """Every CA may issue."""
        await self._clock.sleep(0.02)
        self._demand_answer()
        return ()

    async def send_message(self, wire: bytes, server: str, timeout: float) -> bytes:
        raise EvercertError("dns", "nobody takes updates here")

    def _shown_at(self) -> tuple[float, float]:
        now = self._clock.monotonic()
        lag = self._weather.at(now, FaultKind.DNS_LAG)
        longest = _LONGEST_LAG * lag.chance if lag else 2.0
        first = now + self._rng.uniform(0, longest)
        return first, now + self._rng.uniform(0, longest)

    def _demand_answer(self) -> None:
        if self._is_down():
            raise EvercertError("dns", "no name server answers")

    def _is_down(self) -> bool:
        return self._weather.at(self._clock.monotonic(), FaultKind.DNS_OUTAGE) is not None

    def _now(self) -> datetime:
        return self._clock.now()
