"""The TXT records that this process holds at one DNS provider account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar
from weakref import WeakValueDictionary

from evercert.base.errors import EvercertError
from evercert.plugins.contracts import DnsProvider

__all__ = ["Records"]

# A provider that needs longer for one change is not going to make it.
_PATIENCE = 300.0
# Changes of one zone at a time. APIs count calls: Cloudflare takes 1,200 in five minutes, two for each record.
_AT_ONCE = 8

_T = TypeVar("_T")


class Records:
    """Adds and removes values: one name's changes one after another, different zones side by side.

    Two orders may need the same value (a CA reuses a pending authorization): it stays until the last
    of them has let go. Providers that read, change and write back are asked for one change of a zone at a
    time, those that write record by record for a few.
    """

    def __init__(self, provider: DnsProvider) -> None:
        self.provider = provider
        self._names: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._zones: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        # (name, value) -> the issuances that need it. Owned by this process alone.
        self._held: dict[tuple[str, str], set[int]] = {}

    async def add(self, zone: str, name: str, value: str, ttl: int, *, issuance: int) -> str:
        """Afterwards *value* stands at *name* and is held for *issuance*; the provider's note. Idempotent."""
        async with self._turn(zone, name):
            self._held.setdefault((name, value), set()).add(issuance)
            return await _in_time(self.provider, self.provider.add_txt(zone, name, value, ttl))

    async def remove(self, zone: str, name: str, value: str, note: str, *, issuance: int) -> None:
        """Afterwards *issuance* holds it no more, and it is gone if nobody does. Idempotent."""
        async with self._turn(zone, name):
            holders = self._held.get((name, value), set())
            holders.discard(issuance)
            if holders:
                return
            self._held.pop((name, value), None)
            await _in_time(self.provider, self.provider.remove_txt(zone, name, value, note))

    @asynccontextmanager
    async def _turn(self, zone: str, name: str) -> AsyncIterator[None]:
        # A plugin of somebody else's may be older than the attribute.
        room = _AT_ONCE if getattr(self.provider, "record_by_record", False) else 1
        async with _turns(self._names, name, 1), _turns(self._zones, zone, room):
            yield


def _turns(known: WeakValueDictionary[str, asyncio.Semaphore], key: str, room: int) -> asyncio.Semaphore:
    """The turns at *key*, *room* at a time; forgotten when nobody waits or works any more."""
    turns = known.get(key)
    if turns is None:
        turns = known[key] = asyncio.Semaphore(room)
    return turns


async def _in_time(provider: DnsProvider, change: Awaitable[_T]) -> _T:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await change
    except EvercertError:
        raise
    except TimeoutError as error:
        raise EvercertError(
            "provider", f"it did not finish a change within {_PATIENCE:g} s", name=provider.info.name
        ) from error
    except Exception as error:  # a stranger's plugin may raise anything
        words = f"the DNS plugin failed with {type(error).__name__}"
        raise EvercertError("provider", words, name=provider.info.name) from error
