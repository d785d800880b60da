"""A deploy target in memory, by the contract of `plugins.contracts.Target`: says what it was asked, fails on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from evercert.plugins.contracts import Bundle, Endpoint
from evercert.plugins.info import PluginInfo, PluginKind

__all__ = ["FakeTarget"]


@dataclass
class FakeTarget:
    """`in_place` is what a server would read, `served` what it read last. `faults` are raised in that step, once."""

    info: ClassVar[PluginInfo] = PluginInfo("fake", PluginKind.DEPLOY, "in memory")

    places: tuple[Endpoint, ...] = (Endpoint("server.test", 443, "www.example.test"),)
    faults: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    staged: Bundle | None = None
    in_place: Bundle | None = None
    settled: Bundle | None = None
    served: Bundle | None = None

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        self._asked("exclusive")
        yield

    async def stage(self, bundle: Bundle) -> None:
        self._asked("stage")
        self.staged = bundle

    async def check(self, bundle: Bundle) -> None:
        self._asked("check")

    async def swap(self, bundle: Bundle) -> None:
        self._asked("swap")
        self.in_place = bundle

    async def reload(self, bundle: Bundle) -> None:
        self._asked("reload")
        self.served = self.in_place

    async def roll_back(self, bundle: Bundle) -> None:
        self._asked("roll_back")
        self.in_place = self.settled

    async def settle(self, bundle: Bundle) -> None:
        self._asked("settle")
        self.settled = self.in_place

    async def endpoints(self, bundle: Bundle) -> Sequence[Endpoint]:
        return self.places

    def _asked(self, step: str) -> None:
        self.asked.append(step)
        if step in self.faults:
            raise self.faults.pop(step)
