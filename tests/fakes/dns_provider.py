"""A DNS provider that writes into a `FakeResolver`'s views: keeps `plugins.contracts.DnsProvider`."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import ClassVar

from evercert.base.errors import EvercertError
from evercert.plugins.info import PluginInfo, PluginKind
from tests.fakes.resolver import FakeResolver

__all__ = ["FakeProvider"]


@dataclass
class FakeProvider:
    """Writes to every server of the zone at once, but reads, waits a turn and writes back, as the clumsiest do:
    two changes of one name at the same time lose one of them, and are counted in `clashes`."""

    info: ClassVar = PluginInfo("fake", PluginKind.DNS, "for tests")

    record_by_record: ClassVar[bool] = False

    resolver: FakeResolver
    note: str = ""
    fails: set[str] = field(default_factory=set)
    calls: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    at_once: Counter[tuple[str, str]] = field(default_factory=Counter)
    most_at_once: int = 0
    clashes: int = 0

    async def add_txt(self, zone: str, name: str, value: str, ttl: int) -> str:
        await self._change("add", zone, name, value, "")
        return self.note

    async def remove_txt(self, zone: str, name: str, value: str, reference: str) -> None:
        await self._change("remove", zone, name, value, reference)

    def values(self, zone: str, name: str) -> list[str]:
        return self.resolver.views.setdefault(self.resolver.zones[zone][0], {}).get(name, [])

    async def _change(self, action: str, zone: str, name: str, value: str, reference: str) -> None:
        self.calls.append((action, zone, name, value, reference))
        if name in self.fails:
            raise EvercertError("provider", "no", name=name)
        self.at_once[zone, name] += 1
        self.clashes += self.at_once[zone, name] > 1
        self.most_at_once = max(self.most_at_once, self.at_once.total())
        read = list(self.values(zone, name))
        for _ in range(3):
            await asyncio.sleep(0)
        kept = [each for each in read if each != value]
        for server in self.resolver.zones[zone]:
            self.resolver.views.setdefault(server, {})[name] = [*kept, value] if action == "add" else kept
        self.at_once[zone, name] -= 1
