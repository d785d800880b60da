"""Waiting for room under a limit: no failure, and no worker's time."""

from __future__ import annotations

from datetime import datetime

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.model.fact import CertificateFact, Hold
from evercert.store import certificates

__all__ = ["Held", "hold"]


class Held(EvercertError):
    """A limit leaves no room before `until`; `limit` says which, as a clause. Its own class because whoever meets it
    waits, or goes to another CA, and counts no failure. `learned`: the CA itself said no."""

    def __init__(self, limit: str, now: datetime, until: datetime, *, ca: str = "", learned: bool = False) -> None:
        hint = "it goes on by itself; `evercert explain NAME` shows what is left of each limit"
        super().__init__("held", limit, ca=ca, hint=hint, after=max(until - now, until - until))
        self.limit = limit
        self.until = until
        self.learned = learned


async def hold(db: Database, fact: CertificateFact, held: Held) -> None:
    """Afterwards the certificate waits until then, and the planner says why."""
    await certificates.held(db, fact.intent.name, Hold(held.until, held.limit, held.ca))
