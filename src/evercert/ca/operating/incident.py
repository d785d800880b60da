"""Incidents: certificates that have to be replaced before their time, told to their holders by ARI (RFC 9773)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from evercert.base.errors import EvercertError
from evercert.ca.operating.office import Office
from evercert.ca.store import audit, operating
from evercert.ca.store.operating import Wanted
from evercert.store.columns import moment

__all__ = ["Incident", "close", "declare", "open_incidents"]

_MOST: Final = 1_000_000
_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Incident:
    """`explanation` is the URL that holders are shown, and what the incident is known by."""

    explanation: str
    start: datetime
    end: datetime
    certificates: int
    replaced: int


async def declare(office: Office, wanted: Wanted, explanation: str, within: timedelta) -> int:
    """Afterwards every living certificate that is meant is asked to be renewed from now on, spread over *within*; how
    many. May be repeated: those that came since are taken too. Raises `not-found` where there is none."""
    if not explanation.startswith(("https://", "http://")) or len(explanation) > 500:
        raise EvercertError(
            "bad-input", "an incident is explained by a URL", hint="RFC 9773 section 4.2, explanationURL"
        )
    now = office.clock.now()
    found = await operating.find(office.db, wanted, _MOST)
    serials = [each.serial for each in found if each.not_after > now and each.account_id]
    if not serials:
        raise EvercertError("not-found", "no living certificate is meant")
    body = {"explanation": explanation, "certificates": len(serials), "by": office.who}
    await office.db.write(audit.appended("incident declared", body, now))
    for at in range(0, len(serials), _AT_ONCE):
        portion = serials[at : at + _AT_ONCE]
        await office.db.write(*operating.moved(portion, now, now + within, explanation))
    return len(serials)


async def close(office: Office, explanation: str) -> int:
    """Afterwards the windows of its certificates are where their lives put them; how many. Raises `not-found`."""
    if not any(each.explanation == explanation for each in await open_incidents(office)):
        raise EvercertError("not-found", "no such incident is open", hint="evercert ca incident list")
    body = {"explanation": explanation, "by": office.who}
    record = audit.appended("incident closed", body, office.clock.now())
    freed, _ = await office.db.write(operating.put_back(explanation), record)
    return len(freed)


async def open_incidents(office: Office) -> list[Incident]:
    rows = await operating.incidents(office.db)
    return [Incident(why, moment(start), moment(end), count, replaced) for why, start, end, count, replaced in rows]
