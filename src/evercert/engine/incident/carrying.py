"""Do what is due, and what that makes possible, until nothing is left for now: for whoever looks once and ends."""

from __future__ import annotations

from evercert.engine.incident.advancing import Incidents
from evercert.engine.work import Worker

__all__ = ["settle"]


async def settle(worker: Worker, incidents: Incidents) -> list[str]:
    """Afterwards nothing is due, and open incidents are as far as they get; the certificates that were looked at."""
    done: dict[str, None] = {}
    while True:
        moved = await incidents.advance_all()
        settled = await worker.settle_due()
        done |= dict.fromkeys(settled)
        if not moved and not settled:
            return list(done)
