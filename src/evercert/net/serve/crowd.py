"""Everybody who is connected to one server, and who must go when there are too many or their time is over."""

from __future__ import annotations

import asyncio
from typing import Protocol

__all__ = ["Crowd", "Guest"]


class Guest(Protocol):
    """One connection. `deadline` is the moment, on the clock's monotonic scale, at which `overdue` is to be called."""

    deadline: float

    def overdue(self) -> None: ...

    def finish(self) -> None:
        """To end as soon as what has been asked is answered."""
        ...

    def end(self) -> None:
        """To end now."""
        ...


class Crowd:
    """At most so many guests at once. One who is being answered never has to go for a newcomer."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._guests: dict[Guest, None] = {}
        self._waiting: dict[Guest, None] = {}  # for whom nothing is being done; longest first
        self._gone = asyncio.Event()
        self.is_closing = False

    def __len__(self) -> int:
        return len(self._guests)

    def admits(self, guest: Guest) -> bool:
        """Whether there is room, which is made of whoever waits for the longest time."""
        if len(self._guests) >= self._room and self._waiting:
            next(iter(self._waiting)).end()
        if len(self._guests) >= self._room or self.is_closing:
            return False
        self._guests[guest] = self._waiting[guest] = None
        return True

    def is_answered(self, guest: Guest) -> None:
        self._waiting[guest] = None

    def is_asking(self, guest: Guest) -> None:
        self._waiting.pop(guest, None)

    def leave(self, guest: Guest) -> None:
        """Idempotent."""
        self._waiting.pop(guest, None)
        self._guests.pop(guest, None)
        if not self._guests:
            self._gone.set()

    def sweep(self, now: float) -> None:
        """Afterwards everybody whose time was over knows it."""
        for guest in [guest for guest in self._guests if guest.deadline <= now]:
            guest.overdue()

    async def close(self, grace: float) -> None:
        """Afterwards nobody is here: within *grace* seconds of their own, then at once. Nobody is let in any more."""
        self.is_closing = True
        for guest in tuple(self._guests):
            guest.finish()
        for seconds in (grace, None):
            self._gone.clear()
            if not self._guests:
                return
            try:
                async with asyncio.timeout(seconds):
                    await self._gone.wait()
            except TimeoutError:
                for guest in tuple(self._guests):
                    guest.end()
