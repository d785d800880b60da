"""Open an incident: choose its certificates, put each into a wave, and let it go."""

from __future__ import annotations

from datetime import datetime

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.engine.incident.selecting import check, choose
from evercert.engine.incident.waves import members, ranked
from evercert.model.incident import Measures, Selection
from evercert.store import incidents

__all__ = ["open_incident"]


async def open_incident(db: Database, selection: Selection, measures: Measures, reason: str, now: datetime) -> int:
    """Afterwards the incident is open, with what is meant at this moment; its number. Whoever dies on the way leaves
    one that is being opened, which does nothing and can be cancelled. Raises `not-found` where nothing is meant."""
    check(selection)
    superseded = measures.revoke is not None
    chosen = [ranked(each, selection, measures) async for each in choose(db, selection, now, superseded=superseded)]
    if not chosen:
        hint = "see `evercert list`; what has expired or is revoked is not meant"
        raise EvercertError("not-found", "no certificate is like that", hint=hint)
    number = await incidents.begin(db, reason, selection, measures, now)
    await incidents.take(db, number, list(members(chosen, measures)), now)
    await incidents.open_(db, number, reason, len(chosen), now)
    return number
