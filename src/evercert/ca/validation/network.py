"""What validators may do in the world, and a witness who writes it down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.probe import CaaRecord, Door, Handshake, Limits, Looked, Page

__all__ = ["Asked", "Network", "Witness"]


class Network(Protocol):
    """Safe to use from many tasks at once. Names are A-labels without a final dot; DNS follows aliases, and what
    it cannot tell is an `Outcome`, never an exception.

    `fetch` and `alpn_certificate` connect to the very address they are given, within the limits. They raise
    `DialFailure` where no connection came about, else `NetworkFailure`, both without a word of the peer.
    """

    async def addresses(self, name: str) -> Looked[str]:
        """AAAA, then A. An address of either family is an answer, although the other family's failed."""
        ...

    async def txt(self, name: str) -> Looked[bytes]:
        """Each record's strings, joined."""
        ...

    async def caa(self, names: Sequence[str]) -> Mapping[str, Looked[CaaRecord]]:
        """The records at each of a few names itself (or where it is an alias to), not above it."""
        ...

    async def fetch(self, door: Door, limits: Limits) -> Page: ...

    async def alpn_certificate(self, address: str, port: int, server_name: str, limits: Limits) -> Handshake:
        """Of a handshake that offers `acme-tls/1` alone, in TLS 1.2 or newer; no certificate is verified."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that was done in the world: `kind` is A, TXT, CAA, http, https or tls, `about` a name or a URL,
    `at` the server or address, `came` what came of it. For the audit, not for clients: it has the peer's words."""

    kind: str
    about: str
    at: str
    came: str


class Witness:
    """A `Network` that does as another does and remembers what was asked. For one validation."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.asked: list[Asked] = []

    async def addresses(self, name: str) -> Looked[str]:
        looked = await self._network.addresses(name)
        self._saw("A", name, looked, looked.records)
        return looked

    async def txt(self, name: str) -> Looked[bytes]:
        looked = await self._network.txt(name)
        self._saw("TXT", name, looked, [value.decode("latin-1") for value in looked.records])
        return looked

    async def caa(self, names: Sequence[str]) -> Mapping[str, Looked[CaaRecord]]:
        found = await self._network.caa(names)
        for name, looked in found.items():
            self._saw("CAA", name, looked, [f"{each.flags} {each.tag} {each.value}" for each in looked.records])
        return found

    async def fetch(self, door: Door, limits: Limits) -> Page:
        kind = "https" if door.tls else "http"
        about = f"{kind}://{door.host}{door.target}"
        try:
            page = await self._network.fetch(door, limits)
        except EvercertError as error:
            self._note(kind, about, _place(door.address, door.port), error.message)
            raise
        self._note(kind, about, _place(door.address, door.port), f"{page.status} {page.location}".strip())
        return page

    async def alpn_certificate(self, address: str, port: int, server_name: str, limits: Limits) -> Handshake:
        try:
            seen = await self._network.alpn_certificate(address, port, server_name, limits)
        except EvercertError as error:
            self._note("tls", server_name, _place(address, port), error.message)
            raise
        self._note("tls", server_name, _place(address, port), f"{seen.version} {seen.alpn}".strip())
        return seen

    def _saw(self, kind: str, name: str, looked: Looked[Any], records: Sequence[str]) -> None:
        vouched = " (authentic)" if looked.authentic else ""
        came = ", ".join(records) or looked.fault
        self._note(kind, name, looked.server, f"{looked.outcome.value}{vouched}: {came}".rstrip(": "))

    def _note(self, kind: str, about: str, at: str, came: str) -> None:
        self.asked.append(Asked(kind, one_line(about, 500), at, one_line(came, 500)))


def _place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
