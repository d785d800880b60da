"""A world for a CA's validators that is a few dictionaries: keeps `ca.validation.network.Network`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evercert.base.probe import CaaRecord, DialFailure, Door, Handshake, Limits, Looked, Outcome, Page

__all__ = ["FakeNetwork", "no_answer"]


def no_answer(outcome: Outcome, fault: str = "") -> Looked[Any]:
    return Looked(outcome, server="192.0.2.53", fault=fault or f"the name server {outcome.value}")


@dataclass
class FakeNetwork:
    """`names` has addresses, `texts` TXT values, `records` CAA, each by name; a `Looked` among them is the answer
    itself, and what is not there is no name. `pages` maps `address:port host target` (or a shorter beginning of it) to
    a page; `doors` to a handshake by `address:port name`; an exception there is raised. Whatever is not there refuses
    to be dialled. `dialled` is every address that a packet was sent to."""

    names: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, Any] = field(default_factory=dict)
    records: dict[str, Any] = field(default_factory=dict)
    pages: dict[str, Page | Exception | Callable[[Door], Page]] = field(default_factory=dict)
    doors: dict[str, Handshake | Exception] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)
    fetched: list[Door] = field(default_factory=list)

    async def addresses(self, name: str) -> Looked[str]:
        return self._look("A", name, self.names)

    async def txt(self, name: str) -> Looked[bytes]:
        return self._look("TXT", name, self.texts)

    async def caa(self, names: Sequence[str]) -> Mapping[str, Looked[CaaRecord]]:
        return {name: self._look("CAA", name, self.records) for name in names}

    async def fetch(self, door: Door, limits: Limits) -> Page:
        self.fetched.append(door)
        kind = "https" if door.tls else "http"
        found = self._met(self.pages, f"{door.address}:{door.port} {kind}://{door.host}{door.target}", door.address)
        page = found(door) if callable(found) else found
        assert isinstance(page, Page)
        cut = page.body[: limits.body]
        return Page(page.status, page.location, cut, cut == page.body)

    async def alpn_certificate(self, address: str, port: int, server_name: str, limits: Limits) -> Handshake:
        found = self._met(self.doors, f"{address}:{port} {server_name}", address)
        assert isinstance(found, Handshake)
        return found

    def _look(self, kind: str, name: str, table: dict[str, Any]) -> Looked[Any]:
        self.asked.append((kind, name))
        found = table.get(name)
        if isinstance(found, Looked):
            return found
        if found is None:
            return no_answer(Outcome.NO_NAME)
        return Looked(Outcome.FOUND if found else Outcome.NO_DATA, tuple(found), server="192.0.2.53")

    def _met(self, table: dict[str, Any], at: str, address: str) -> Any:
        self.dialled.append(address)
        found = next((value for key, value in table.items() if at.startswith(key)), None)
        if found is None:
            raise DialFailure("unreachable", f"cannot reach {address}: connection refused")
        if isinstance(found, Exception):
            raise found
        return found
