"""Waiting for room under a limit: no failure, and no worker's time."""

from __future__ import annotations

from datetime import datetime, timedelta

from evercert.base.errors import EvercertError

__all__ = ["Held"]


class Held(EvercertError):
    """A limit leaves no room before `until`; `limit` says which, as a clause. Its own class because whoever meets it
    waits, or goes to another CA, and counts no failure. `learned`: the CA itself said no."""

    def __init__(self, limit: str, now: datetime, until: datetime, *, ca: str = "", learned: bool = False) -> None:
        hint = "it goes on by itself; `evercert explain NAME` shows what is left of each limit"
        super().__init__("held", limit, ca=ca, hint=hint, after=max(until - now, timedelta()))
        self.limit = limit
        self.until = until
        self.learned = learned
