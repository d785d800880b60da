"""TLS servers that are a dictionary from address to certificate: keeps the contract of `observe.tls_port.Probe`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from evercert.base.errors import EvercertError

__all__ = ["FakeHandshakes", "FakeServed"]


@dataclass(frozen=True)
class FakeServed:
    address: str
    leaf_der: bytes = b""
    error: EvercertError | None = None


@dataclass
class FakeHandshakes:
    """An address that is missing is unreachable; a string is the code of a failure."""

    leaves: dict[str, bytes | str] = field(default_factory=dict)
    asked: list[tuple[str, int, str, tuple[str, ...]]] = field(default_factory=list)

    async def __call__(
        self, host: str, port: int, server_name: str, *, addresses: Sequence[str]
    ) -> Sequence[FakeServed]:
        self.asked.append((host, port, server_name, tuple(addresses)))
        return [self._serve(address) for address in addresses]

    def _serve(self, address: str) -> FakeServed:
        leaf = self.leaves.get(address, "unreachable")
        if isinstance(leaf, str):
            return FakeServed(address, error=EvercertError(leaf, "no handshake"))
        return FakeServed(address, leaf)
