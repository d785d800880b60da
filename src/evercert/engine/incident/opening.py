"""Open an incident: choose its certificates, put each into a wave, and let it go."""

from __future__ import annotations

from datetime import datetime

from evercert.acme.cas import Limit
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.engine.incident.outlook import Outlook, Tally
from evercert.engine.incident.selecting import check, choose
from evercert.engine.incident.waves import members, ranked
from evercert.engine.limits.budget import limits_of
from evercert.model.incident import Measures, Selection
from evercert.store import budgets, cas, incidents

__all__ = ["open_incident", "outlook", "survey"]

# So many buckets are asked for at once.
_PORTION = 500


async def survey(db: Database, selection: Selection, measures: Measures, now: datetime) -> Tally:
    """All that is meant at this moment, added up. Reads only. Raises `bad-input` where nothing is said, and
    `not-found` where nothing is meant."""
    check(selection)
    tally = Tally(measures, now)
    limits: dict[str, tuple[Limit, ...]] = {}
    async for chosen in choose(db, selection, now, superseded=measures.revoke is not None):
        ca = measures.to_ca or chosen.intent.ca
        if ca not in limits:
            limits[ca] = limits_of(await cas.access(db, ca))
        tally.add(chosen, ranked(chosen, selection, measures), limits[ca])
    if not tally.certificates:
        hint = "see `evercert list`; what has expired or is revoked is not meant"
        raise EvercertError("not-found", "no certificate is like that", hint=hint)
    return tally


async def outlook(db: Database, tally: Tally) -> Outlook:
    """How long the limits allow it to take, by what the ledger says is left of each. Reads only."""
    keys = tally.keys
    portions = [keys[start : start + _PORTION] for start in range(0, len(keys), _PORTION)]
    return tally.outlook([bucket for portion in portions for bucket in await budgets.buckets(db, portion)])


async def open_incident(db: Database, selection: Selection, measures: Measures, reason: str, now: datetime) -> int:
    """Afterwards the incident is open, with what is meant at this moment; its number. Whoever dies on the way leaves
    one that is being opened, which does nothing and can be cancelled. Raises what `survey` raises."""
    tally = await survey(db, selection, measures, now)
    number = await incidents.begin(db, reason, selection, measures, now)
    await incidents.take(db, number, list(members(tally.ranks, measures)), now)
    await incidents.open_(db, number, reason, tally.certificates, now)
    return number
