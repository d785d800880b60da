"""Lanes: of how many certificates at once something is asked of an account at a CA, or of a zone at a DNS provider.

Rules of this file:

* A place is taken in the transaction after which newOrder may be sent, and given back in the one that ends the last
  issuance of the certificate that may have an order, or finds that its CA takes long to make what was proved. So no
  crash loses one, and all nodes count the same.
* Who leaves calls in who is first in line, and keeps the place for him: nobody looks again and again, and nobody who is
  called in comes in vain.

Trust: whoever can change this can hold orders back, or have more of them at once than a CA or a DNS API takes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from evercert.base.clock import to_epoch
from evercert.db.protocol import Database, Statement
from evercert.store.sql import load_queries

__all__ = ["call_in", "emptied", "entered", "left", "lifted", "others", "places", "waiting"]

_SQL: Final = load_queries("lanes")

# Who is called in and does not come in so long (his node has died, or he is not wanted any more) is not waited for.
_KEPT: Final = timedelta(minutes=10)

# Who is called in has been due for some time, and comes before those that have yet to find the lane full.
_BEFORE: Final = timedelta(days=1)


def entered(lane: str, certificate: str, most: int, now: datetime) -> tuple[Statement, Statement, Statement]:
    """The statements after which it has one of the *most* places there; guarded. Whoever enters several lanes does so
    in the order of their names, so that no two wait for each other."""
    return (
        _SQL["lock a lane"](lane=lane),
        _SQL["enter a lane"](lane=lane, certificate=certificate),
        _SQL["too many in a lane"](lane=lane, most=most, now=to_epoch(now)).expecting(0),
    )


def left(certificate: str) -> Statement:
    """The statement after which it has no place anywhere, unless something is open at a CA for it still."""
    return _SQL["leave lanes"](certificate=certificate)


def emptied(lane: str, certificate: str) -> Statement:
    """The statement after which it has no place there, whatever is open for it."""
    return _SQL["empty a place"](lane=lane, certificate=certificate)


def lifted(ca: str, now: datetime) -> Statement:
    """The statement after which all that stand in line for an account at that CA are due: it has no lanes any more."""
    # A lane is called by the directory, a blank and the account; "!" is what comes after a blank.
    return _SQL["lift lanes"](first=f"{ca} ", end=f"{ca}!", now=to_epoch(now))


def places(certificate: str) -> Statement:
    """The statement that returns a row for each lane in which it has a place."""
    return _SQL["places of a certificate"](certificate=certificate)


async def others(db: Database, lane: str, certificate: str, now: datetime) -> int:
    """How many have a place there, besides that one."""
    ((count,),) = await db.rows(_SQL["others in a lane"](lane=lane, certificate=certificate, now=to_epoch(now)))
    return int(count)


async def waiting(db: Database, lane: str, certificate: str, limit: int) -> int:
    """How many wait for a place there besides that one, if they are fewer than *limit*."""
    ((count,),) = await db.rows(_SQL["waiting for a lane"](lane=lane, certificate=certificate, limit=limit))
    return int(count)


async def call_in(db: Database, lane: str, most: int, now: datetime) -> int:
    """Afterwards no place is free that somebody waits for: who was first in line is due, and it is kept for him; how
    many those are. Idempotent."""
    moments = {"now": to_epoch(now), "until": to_epoch(now + _KEPT), "since": to_epoch(now - _BEFORE)}
    *_, kept, _ = await db.write(
        _SQL["lock a lane"](lane=lane),
        _SQL["forget kept places"](lane=lane, now=moments["now"]),
        _SQL["keep places"](lane=lane, most=most, until=moments["until"]),
        _SQL["call in"](lane=lane, now=moments["now"], since=moments["since"]),
    )
    return len(kept)
