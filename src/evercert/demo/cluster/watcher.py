"""Somebody who relies on the CA's list of what is revoked, and fetches it again and again, from whichever node."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.base.message import Request
from evercert.net.http import HttpSettings, HttpTransport
from evercert.pki.crl_view import CrlView, read_crl

__all__ = ["Watcher"]

_PAUSE = 0.5
_PATIENCE = 40.0


@dataclass
class Watcher:
    """`backwards` counts lists whose number was lower than that of one before."""

    url: str
    roots: Path
    numbers: list[int] = field(default_factory=list)
    backwards: int = 0
    latest: CrlView | None = None
    looked: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self) -> None:
        """Fetch it until cancelled."""
        while True:
            with suppress(EvercertError):  # nobody is there at the moment
                await self._look()
            await asyncio.sleep(_PAUSE)

    async def has_seen(self, serials: Set[str]) -> bool:
        """Whether a list comes soon that has all of them in it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while not self._shows(serials):
                    self.looked.clear()
                    await self.looked.wait()
        return self._shows(serials)

    def _shows(self, serials: Set[str]) -> bool:
        return self.latest is not None and serials <= self.latest.serials

    async def _look(self) -> None:
        transport = HttpTransport(HttpSettings(roots=self.roots, use_system_roots=False, timeout=5.0), SystemClock())
        try:
            answer = await transport.send(Request("GET", self.url))
        finally:
            await transport.close()
        if answer.status != 200:
            return
        seen = read_crl(answer.body)
        if self.numbers and seen.number < self.numbers[-1]:
            self.backwards += 1
        self.numbers.append(seen.number)
        self.latest = seen
        self.looked.set()
