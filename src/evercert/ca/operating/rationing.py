"""Limits, as operators look at them: how full each bucket is, what is overridden, what is paused; and lifting it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from evercert.base.clock import from_epoch, to_epoch
from evercert.base.errors import EvercertError
from evercert.ca.limits import Limit, Limits
from evercert.ca.operating.office import Office
from evercert.ca.operating.sets import sets_of
from evercert.ca.store import audit, limits, pauses

__all__ = ["BucketShown", "buckets", "unpause"]


@dataclass(frozen=True, slots=True)
class BucketShown:
    """A bucket that something was taken from lately: *taken* of *count* in *seconds*; full again at *full_at*. *names*
    are those of a set that is counted, where an order for it is still kept."""

    limit: str
    key: str
    taken: int
    count: int
    seconds: int
    full_at: datetime
    is_overridden: bool
    names: tuple[str, ...] = ()


async def buckets(office: Office, about: str, limit: int) -> list[BucketShown]:
    """The emptiest ones; of those whose limit or key (an account, a name, an external account, a network) has *about*
    in it, where that is not empty."""
    now = office.clock.now()
    rows = await limits.emptiest(office.db, to_epoch(now), about, limit)
    found = (_shown(bucket, from_epoch(arrival), office.limits, now) for bucket, arrival in rows)
    shown = [each for each in found if each is not None]
    names = await sets_of(office.db, [each.key for each in shown if each.limit == "orders-per-set"])
    return [replace(each, names=tuple(map(str, names.get(each.key, ())))) for each in shown]


async def unpause(office: Office, account_id: int, identifier: str) -> None:
    """Afterwards the name may be tried again for the account. Raises `not-found`."""
    body = {"account": account_id, "identifier": identifier, "by": office.who}
    record = audit.appended("unpaused", body, office.clock.now())
    try:
        await office.db.write(pauses.forgotten(account_id, identifier).expecting(1), record)
    except EvercertError as error:
        if error.code.name != "conflict":
            raise
        words = f"{identifier[:80]!r} is not paused for account {account_id}"
        raise EvercertError("not-found", words, hint="evercert ca limits paused") from error


def _shown(bucket: str, arrival: datetime, limits_in_force: Limits, now: datetime) -> BucketShown | None:
    name, _, key = bucket.partition(" ")
    override = limits_in_force.overrides.get(bucket)
    limit = override or limits_in_force.table.get(name)
    if limit is None:
        return None
    return BucketShown(
        limit=name,
        key=key,
        taken=_taken(limit, arrival - now),
        count=limit.count,
        seconds=int(limit.per.total_seconds()),
        full_at=arrival,
        is_overridden=override is not None,
    )


def _taken(limit: Limit, ahead: timedelta) -> int:
    """How many of *count* are gone: each puts the arrival off by its share of the time."""
    return min(limit.count, -(-ahead * limit.count // limit.per)) if limit.count else 0
