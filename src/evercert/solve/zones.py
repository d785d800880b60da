"""Which zone holds a name, and which servers answer for it: found by asking, never by a list of suffixes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.plugins.contracts import Resolver

__all__ = ["Zones"]

_T = TypeVar("_T")

# Long enough for one bulk run, short enough for a daemon to see a moved zone.
_KEPT_SECONDS = 300.0
_MOST_KEPT = 10_000


class Zones:
    """Zone cuts (by SOA) and their servers, remembered for some minutes.

    Owned by the solvers of one process and never written down. Trusted: whoever can change it can
    make us write our record where the CA does not look, which fails the challenge and no more.
    """

    def __init__(self, resolver: Resolver, clock: Clock) -> None:
        self._resolver = resolver
        self._clock = clock
        self._zones: dict[str, tuple[float, str]] = {}
        self._servers: dict[str, tuple[float, list[str]]] = {}

    async def zone_of(self, name: str) -> str:
        """The zone that holds *name*; raises `zone-not-found` where DNS knows none below the root."""
        zone = await self._kept(self._zones, name, self._resolver.zone)
        if zone.strip("."):
            return zone
        self._zones.pop(name, None)
        raise EvercertError(
            "zone-not-found",
            "no name server answers for a zone of it",
            name=name,
            hint="is the domain registered and delegated? a zone that DNS does not show can be named with zone=...",
        )

    async def servers_of(self, zone: str) -> list[str]:
        """Every address of every name server of *zone*."""
        return await self._kept(self._servers, zone, self._resolver.authoritative)

    async def _kept(self, memory: dict[str, tuple[float, _T]], key: str, ask: Callable[[str], Awaitable[_T]]) -> _T:
        now = self._clock.monotonic()
        if key in memory and now - memory[key][0] < _KEPT_SECONDS:
            return memory[key][1]
        answer = await ask(key)
        if len(memory) >= _MOST_KEPT:
            memory.clear()
        memory[key] = now, answer
        return answer
