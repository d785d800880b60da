"""The only place that reads the time; everything else is given a `Clock`."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "SystemClock", "from_epoch", "to_epoch"]


class Clock(Protocol):
    """Time as an argument. `now` is aware and UTC; `monotonic` is seconds for measuring spans."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...

    def sleep_blocking(self, seconds: float) -> None: ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        import asyncio  # here, because commands that never wait should not pay for a loop

        await asyncio.sleep(seconds)

    def sleep_blocking(self, seconds: float) -> None:
        time.sleep(seconds)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Made once: to make it takes longer than to count by it.
_MICROSECOND = timedelta(microseconds=1)


def to_epoch(moment: datetime) -> int:
    """Whole microseconds since 1970, the form in which the store keeps every moment."""
    return (moment - _EPOCH) // _MICROSECOND


def from_epoch(microseconds: int) -> datetime:
    """The aware UTC moment that `to_epoch` made a number of."""
    return _EPOCH + microseconds * _MICROSECOND
