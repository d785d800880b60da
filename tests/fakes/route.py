"""A target that says that it forwards challenge paths: keeps `plugins.contracts.ChallengeRoute`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from evercert.base.names import Identifier

__all__ = ["FakeRoute"]


@dataclass(eq=False)
class FakeRoute:
    """`port` is where it forwards to, 0 when closed; `opened` the names of each call."""

    port: int = 0
    opened: list[list[str]] = field(default_factory=list)
    closed: int = 0

    async def open_route(self, identifiers: Sequence[Identifier], port: int) -> None:
        self.opened.append([each.value for each in identifiers])
        self.port = port

    async def close_route(self) -> None:
        self.closed += 1
        self.port = 0
