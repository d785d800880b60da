"""Names that the operator has given addresses himself, as a machine's hosts file does: for labs, and where there is no
DNS yet. They have addresses and nothing else; whatever else is asked of DNS is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evercert.base.probe import CaaRecord, Door, Handshake, Limits, Looked, Outcome, Page
from evercert.ca.validation.network import Network

__all__ = ["WithHosts"]


@dataclass(frozen=True, slots=True)
class WithHosts:
    """Keeps the contract of `Network`; *hosts* are by A-label name. Whoever can change them decides where the CA looks
    for those names."""

    network: Network
    hosts: Mapping[str, tuple[str, ...]]

    async def addresses(self, name: str) -> Looked[str]:
        if addresses := self.hosts.get(name):
            return Looked(Outcome.FOUND, addresses, server="the CA's settings")
        return await self.network.addresses(name)

    async def txt(self, name: str) -> Looked[bytes]:
        return await self.network.txt(name)

    async def caa(self, names: Sequence[str]) -> Mapping[str, Looked[CaaRecord]]:
        given: dict[str, Looked[CaaRecord]] = {
            name: Looked(Outcome.NO_DATA, server="the CA's settings") for name in names if name in self.hosts
        }
        others = [name for name in names if name not in given]
        return {**given, **(await self.network.caa(others) if others else {})}

    async def fetch(self, door: Door, limits: Limits) -> Page:
        return await self.network.fetch(door, limits)

    async def alpn_certificate(self, address: str, port: int, server_name: str, limits: Limits) -> Handshake:
        return await self.network.alpn_certificate(address, port, server_name, limits)
