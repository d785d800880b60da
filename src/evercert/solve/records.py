"""The TXT records that this process holds at one DNS provider account."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar
from weakref import WeakValueDictionary

from evercert.base.errors import EvercertError
from evercert.plugins.contracts import DnsProvider

__all__ = ["Records"]

# A provider that needs longer for one change is not going to make it.
_PATIENCE = 300.0

_T = TypeVar("_T")


class Records:
    """Adds and removes values, one zone's changes one after another, different zones side by side.

    Two orders may need the same value (a CA reuses a pending authorization): it stays until the last
    of them has let go. Providers that replace whole record sets read, change and write back, which
    is why one zone is never changed twice at the same time.
    """

    def __init__(self, provider: DnsProvider) -> None:
        self.provider = provider
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # (name, value) -> the issuances that need it. Owned by this process alone.
        self._held: dict[tuple[str, str], set[int]] = {}

    async def add(self, zone: str, name: str, value: str, ttl: int, *, issuance: int) -> str:
        """Afterwards *value* stands at *name* and is held for *issuance*; the provider's note. Idempotent."""
        async with self._turn(zone):
            self._held.setdefault((name, value), set()).add(issuance)
            return await _in_time(self.provider, self.provider.add_txt(zone, name, value, ttl))

    async def remove(self, zone: str, name: str, value: str, note: str, *, issuance: int) -> None:
        """Afterwards *issuance* holds it no more, and it is gone if nobody does. Idempotent."""
        async with self._turn(zone):
            holders = self._held.get((name, value), set())
            holders.discard(issuance)
            if holders:
                return
            self._held.pop((name, value), None)
            await _in_time(self.provider, self.provider.remove_txt(zone, name, value, note))

    def _turn(self, zone: str) -> asyncio.Lock:
        lock = self._turns.get(zone)
        if lock is None:
            lock = self._turns[zone] = asyncio.Lock()
        return lock


async def _in_time(provider: DnsProvider, change: Awaitable[_T]) -> _T:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await change
    except TimeoutError as error:
        raise EvercertError(
            "provider", f"it did not finish a change within {_PATIENCE:g} s", name=provider.info.name
        ) from error
