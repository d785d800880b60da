"""Open an incident: choose its certificates, put each into a wave, and let it go."""

from __future__ import annotations

from datetime import datetime

from evercert.acme.cas import limits_at
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.engine.incident.outlook import Tally
from evercert.engine.incident.selecting import check, choose
from evercert.engine.incident.waves import members, ranked
from evercert.model.incident import Measures, Selection
from evercert.store import incidents

__all__ = ["open_incident", "survey"]


async def survey(db: Database, selection: Selection, measures: Measures, now: datetime) -> Tally:
    """All that is meant at this moment, added up. Reads only. Raises `bad-input` where nothing is said, and
    `not-found` where nothing is meant."""
    check(selection)
    tally = Tally(measures, now)
    async for chosen in choose(db, selection, now, superseded=measures.revoke is not None):
        tally.add(chosen, ranked(chosen, selection, measures), limits_at(chosen.intent.ca))
    if not tally.certificates:
        hint = "see `evercert list`; what has expired or is revoked is not meant"
        raise EvercertError("not-found", "no certificate is like that", hint=hint)
    return tally


async def open_incident(db: Database, selection: Selection, measures: Measures, reason: str, now: datetime) -> int:
    """Afterwards the incident is open, with what is meant at this moment; its number. Whoever dies on the way leaves
    one that is being opened, which does nothing and can be cancelled. Raises what `survey` raises."""
    tally = await survey(db, selection, measures, now)
    number = await incidents.begin(db, reason, selection, measures, now)
    await incidents.take(db, number, list(members(tally.ranks, measures)), now)
    await incidents.open_(db, number, reason, tally.certificates, now)
    return number
