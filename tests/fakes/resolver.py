"""A DNS that is a few dictionaries, each name server with a view of its own: keeps `plugins.contracts.Resolver`."""

from __future__ import annotations

from dataclasses import dataclass, field

from evercert.base.errors import EvercertError
from evercert.base.probe import CaaRecord

__all__ = ["FakeResolver"]


@dataclass
class FakeResolver:
    """`views` maps a server to what it holds (name -> TXT values); "" is the configured resolvers' view.

    Servers in `unreachable` answer nothing. `aliases`, `zones` and `caa_records` are what everybody sees.
    """

    views: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    zones: dict[str, list[str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    unreachable: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    caa_records: dict[str, list[CaaRecord]] = field(default_factory=dict)

    async def txt(self, name: str, *, server: str = "") -> list[str]:
        self.asked.append((server, name))
        if server in self.unreachable:
            raise EvercertError("dns", f"{server or 'the resolver'} did not answer")
        while not server and name in self.aliases:
            name = self.aliases[name]
        return self.views.get(server, {}).get(name, [])

    async def caa(self, name: str) -> list[CaaRecord]:
        self.asked.append(("CAA", name))
        if "" in self.unreachable:
            raise EvercertError("dns", "the resolver did not answer")
        return self.caa_records.get(name, [])

    async def cname(self, name: str) -> str:
        self.asked.append(("CNAME", name))
        return self.aliases.get(name, "")

    async def zone(self, name: str) -> str:
        self.asked.append(("SOA", name))
        labels = name.split(".")
        parents = (".".join(labels[start:]) for start in range(len(labels)))
        return next((parent for parent in parents if parent in self.zones), "")

    async def authoritative(self, zone: str) -> list[str]:
        self.asked.append(("NS", zone))
        return self.zones[zone]

    async def addresses(self, name: str) -> list[str]:
        return []

    async def send_message(self, wire: bytes, server: str, timeout: float) -> bytes:
        self.messages.append(wire)
        raise EvercertError("dns", f"{server} did not answer")
