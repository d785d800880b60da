"""CAA records for very many names at once: what several ask for is asked once, and few questions are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakValueDictionary

from evercert.acme.caa import CaaProperty
from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.observe.caa import CaaLookup

__all__ = ["SharedCaa"]

# The names of a fleet have few parents, and each is asked about for every one of them. A CA may keep an answer for
# eight hours (BR 3.2.2.8); ours only spares orders, so that a minute is long enough.
_KEPT = 60.0
_MOST_KEPT = 4096
# A home router drops datagrams beyond some dozens, and each one that is lost costs seconds.
_AT_ONCE = 16


class _Answer(NamedTuple):
    records: Sequence[CaaProperty]
    failure: EvercertError | None
    until: float


class SharedCaa:
    """Keeps the contract of `CaaLookup`, by *lookup*."""

    def __init__(self, lookup: CaaLookup, clock: Clock) -> None:
        self._lookup = lookup
        self._clock = clock
        self._answers: dict[str, _Answer] = {}
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def caa(self, name: str) -> Sequence[CaaProperty]:
        async with self._asking.setdefault(name, asyncio.Lock()):
            answer = self._answers.get(name)
            if answer is None or answer.until <= self._clock.monotonic():
                async with self._turns:
                    answer = await self._asked(name)
        if answer.failure is not None:
            failure = answer.failure
            raise EvercertError(failure.code.name, failure.message, hint=failure.hint)
        return answer.records

    def forget(self, name: str) -> None:
        """Afterwards it is asked anew: somebody may be about to change it."""
        self._answers.pop(name, None)

    async def _asked(self, name: str) -> _Answer:
        records: Sequence[CaaProperty] = ()
        failure = None
        try:
            records = await self._lookup.caa(name)
        except EvercertError as error:
            failure = error
        self.forget(name)
        while len(self._answers) >= _MOST_KEPT:
            del self._answers[next(iter(self._answers))]
        answer = self._answers[name] = _Answer(records, failure, self._clock.monotonic() + _KEPT)
        return answer
