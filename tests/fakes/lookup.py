"""A DNS that is a dictionary: keeps the contract of `observe.lookup.Lookup`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from evercert.base.errors import EvercertError

__all__ = ["Caa", "FakeLookup"]


@dataclass(frozen=True)
class Caa:
    value: str
    tag: str = "issue"
    flags: int = 0


@dataclass
class FakeLookup:
    """Every table maps a name to its answer; names in `broken` answer SERVFAIL, in `bogus` too."""

    a: dict[str, list[str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    records: dict[str, list[Caa]] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    bogus: set[str] = field(default_factory=set)
    signed: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def addresses(self, name: str) -> Sequence[str]:
        self._ask("A", name)
        seen = {name}
        while (target := self.aliases.get(name)) and target not in seen:
            name = target
            seen.add(name)
        return self.a.get(name, [])

    async def cname(self, name: str) -> str:
        self._ask("CNAME", name)
        return self.aliases.get(name, "")

    async def txt(self, name: str) -> Sequence[str]:
        self._ask("TXT", name)
        return self.texts.get(name, [])

    async def caa(self, name: str) -> Sequence[Caa]:
        self._ask("CAA", name)
        return self.records.get(self.aliases.get(name, name), [])

    async def zone(self, name: str) -> str:
        self._ask("SOA", name)
        labels = name.split(".")
        parents = (".".join(labels[start:]) for start in range(len(labels)))
        return next((self.zones[parent] for parent in parents if parent in self.zones), labels[-1])

    async def secure(self, name: str) -> bool | None:
        return None if name in self.bogus else self.signed

    def _ask(self, kind: str, name: str) -> None:
        self.asked.append((kind, name))
        if name in self.broken | self.bogus:
            raise EvercertError("dns", f"{kind} of {name}: SERVFAIL")
