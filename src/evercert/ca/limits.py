"""How often who may ask for what: GCRA buckets, taken from in the transaction of what they allow.

A bucket of `count` in `per` refills evenly and is full at first. What is remembered of it is one moment, its
theoretical arrival time: a request is let through while that lies no further ahead than the bucket is deep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from types import MappingProxyType
from typing import Final

from evercert.acme.problem import Problem, ProblemType
from evercert.base.clock import from_epoch, to_epoch
from evercert.base.names import Identifier
from evercert.ca.nouns import Authorization
from evercert.ca.pausing import Pausing
from evercert.ca.store import limits as stored
from evercert.ca.store.orders import digest_of
from evercert.db.protocol import Database, Row, Statement

__all__ = ["DEFAULTS", "Bucket", "Limit", "Limits", "failures_of", "network_of", "orders_for"]


@dataclass(frozen=True, slots=True)
class Limit:
    """So many in so much time, all of them at once if need be. A count of 0 lets nothing through."""

    count: int
    per: timedelta
    meaning: str = ""


DEFAULTS: Final[Mapping[str, Limit]] = MappingProxyType(
    {
        "accounts-per-network": Limit(500, timedelta(hours=3), "new accounts from one address (IPv6: one /48)"),
        "orders-per-account": Limit(50_000, timedelta(hours=1), "new orders of one account"),
        "orders-per-eab": Limit(50_000, timedelta(hours=1), "new orders of all accounts of one external account"),
        "orders-per-set": Limit(100, timedelta(hours=24), "new orders of one account for exactly one set of names"),
        "failures-per-name": Limit(60, timedelta(hours=1), "failed validations of one name by one account"),
    }
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One limit's bucket for one key (an account, a network, a name)."""

    limit: str
    key: str

    @property
    def id(self) -> str:
        return f"{self.limit} {self.key}"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force. *overrides* are by bucket id; *table* may lack a limit, which is then no limit."""

    table: Mapping[str, Limit] = field(default_factory=lambda: DEFAULTS)
    overrides: Mapping[str, Limit] = field(default_factory=dict)
    pausing: Pausing = field(default_factory=Pausing)

    def taken(self, buckets: Sequence[Bucket], now: datetime) -> tuple[Statement, ...]:
        """The statements that take one from each; a conflict where one of them is empty."""
        return tuple(
            stored.taken(bucket.id, to_epoch(now), _cost(limit), _latest(limit, now))
            for bucket in buckets
            if (limit := self._of(bucket))
        )

    async def check(self, db: Database, buckets: Sequence[Bucket], now: datetime) -> None:
        """Raises `rateLimited`, with the time after which to ask again, if one of them is empty now."""
        found = await db.read(*(stored.arrival(bucket.id) for bucket in buckets)) if buckets else []
        self._check(buckets, found, now)

    def _check(self, buckets: Sequence[Bucket], found: Sequence[Sequence[Row]], now: datetime) -> None:
        for bucket, rows in zip(buckets, found, strict=False):
            limit = self._of(bucket)
            if limit is not None and (free_at := _free_at(limit, rows, now)) > now:
                raise _limited(bucket, limit, free_at, now)

    async def check_new(self, db: Database, wanted: Sequence[Authorization], now: datetime) -> None:
        """Raises `rateLimited` where one of these, which are to be proved, failed too often or is paused."""
        buckets = [failures_of(each) for each in wanted]
        asked = (*(stored.arrival(each.id) for each in buckets), *self.pausing.asked(wanted))
        found = await db.read(*asked) if asked else []
        self.pausing.check(wanted, found[len(buckets) :])
        self._check(buckets, found, now)

    def _of(self, bucket: Bucket) -> Limit | None:
        return self.overrides.get(bucket.id) or self.table.get(bucket.limit)


def failures_of(authorization: Authorization) -> Bucket:
    """What is emptied by failed validations, and has to hold something where a new one is to be tried."""
    return Bucket("failures-per-name", f"{authorization.account_id} {authorization.identifier}")


def orders_for(account_id: int, identifiers: Sequence[Identifier]) -> Bucket:
    """What is taken from by orders for exactly these names: of one account, or others could use up what a stranger may
    order of his own names; and of the names alone, or another date would be another set."""
    return Bucket("orders-per-set", f"{account_id} {digest_of(identifiers)}")


def network_of(peer: str) -> str:
    """What accounts are counted by: the address, or the /48 that an IPv6 customer has."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    return str(ip_network(f"{address}/48", strict=False)) if address.version == 6 else str(address)


def _cost(limit: Limit) -> int:
    return int(limit.per / timedelta(microseconds=1)) // max(limit.count, 1)


def _latest(limit: Limit, now: datetime) -> int:
    """Up to where the bucket's arrival time may lie for one more: never, where nothing is let through."""
    return to_epoch(now + limit.per) - _cost(limit) if limit.count else -1


def _free_at(limit: Limit, rows: Sequence[Row], now: datetime) -> datetime:
    if not limit.count:
        return now + limit.per
    return from_epoch(rows[0][0]) - limit.per + timedelta(microseconds=_cost(limit)) if rows else now


def _limited(bucket: Bucket, limit: Limit, free_at: datetime, now: datetime) -> Problem:
    after = max(free_at - now, timedelta(seconds=1))
    detail = (
        f"too many ({limit.count} in {limit.per}): {limit.meaning or bucket.limit}; "
        f"retry after {free_at:%Y-%m-%d %H:%M:%S} UTC"
    )
    return Problem(ProblemType.RATE_LIMITED, detail, after=after)
