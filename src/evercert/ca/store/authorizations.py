"""Authorizations: `pending -> valid | invalid | deactivated`, `valid -> deactivated | revoked`; the clock ends them.

The first challenge that is answered decides (`attempted`); its node has it until `attempt_until`, then any other may
take it over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from evercert.acme.wire import ProblemDocument
from evercert.base.clock import to_epoch
from evercert.base.names import Identifier
from evercert.ca.nouns import Authorization
from evercert.ca.store.rows import authorization_from as from_row
from evercert.ca.store.rows import problem_to
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database, Statement
from evercert.store.columns import number_or_none

__all__ = [
    "added",
    "begin_attempt",
    "candidates",
    "deactivate",
    "from_row",
    "get",
    "get_all",
    "refuted",
    "take_over",
    "validated",
]

_SQL: Final = queries("authorizations")


async def get(db: Database, authorization_id: int) -> Authorization | None:
    rows = await db.rows(_SQL["authorization"](id=authorization_id))
    return from_row(rows[0]) if rows else None


async def get_all(db: Database, numbers: Sequence[int]) -> list[Authorization]:
    """Those of them that there are, as of one moment."""
    if not numbers:
        return []
    found = await db.read(*(_SQL["authorization"](id=number) for number in numbers))
    return [from_row(row) for rows in found for row in rows]


def candidates(account_id: int, identifier: Identifier, alive: datetime) -> Statement:
    """Whose rows `rows.authorization_from` reads: those of the account that an order may use and that live until
    then, valid ones first."""
    return _SQL["authorizations of an identifier"](
        account_id=account_id, identifier_type=identifier.type, identifier=identifier.base, alive=to_epoch(alive)
    )


def added(authorization: Authorization, now: datetime) -> Statement:
    return _SQL["add authorization"](
        id=authorization.id,
        account_id=authorization.account_id,
        identifier_type=authorization.identifier.type,
        identifier=authorization.identifier.base,
        wildcard=int(authorization.identifier.wildcard),
        subdomains=int(authorization.subdomains),
        profile=authorization.profile,
        status=authorization.stored_status,
        token=authorization.token,
        offered=" ".join(authorization.offered),
        attempted=authorization.attempted,
        validated_at=number_or_none(authorization.validated_at),
        evidence=authorization.evidence,
        created_at=to_epoch(now),
        expires_at=to_epoch(authorization.expires_at),
    )


async def begin_attempt(
    db: Database, authorization_id: int, challenge_type: str, *, now: datetime, until: datetime, response: str = ""
) -> Authorization | None:
    """Afterwards that challenge decides, and this node is at it until then; None where another one was answered
    before."""
    ((*rows,),) = await db.write(
        _SQL["begin attempt"](
            id=authorization_id, type=challenge_type, response=response, now=to_epoch(now), until=to_epoch(until)
        )
    )
    return replace(from_row(rows[0]), turn=until) if rows else None


def validated(authorization: Authorization, now: datetime, expires_at: datetime, evidence: str = "") -> Statement:
    """The statement that makes it valid; a conflict where it is not in this turn any more, or has expired."""
    return _SQL["validated"](
        id=authorization.id,
        type=authorization.attempted,
        now=to_epoch(now),
        expires_at=to_epoch(expires_at),
        evidence=evidence,
        turn=number_or_none(authorization.turn),
    ).expecting(1)


def refuted(authorization: Authorization, now: datetime, why: ProblemDocument) -> Statement:
    """The statement that makes it invalid; a conflict where it is not in this turn any more, or has expired."""
    turn = number_or_none(authorization.turn)
    return _SQL["refuted"](id=authorization.id, error=problem_to(why), now=to_epoch(now), turn=turn).expecting(1)


async def deactivate(db: Database, authorization_id: int, now: datetime, *also: Statement) -> Authorization:
    """Afterwards it is given up; a conflict where it is over already."""
    given_up = _SQL["deactivate authorization"](id=authorization_id, now=to_epoch(now)).expecting(1)
    rows, *_ = await db.write(given_up, *also)
    return from_row(rows[0])


async def take_over(db: Database, now: datetime, until: datetime, limit: int = 100) -> list[Authorization]:
    """Attempts that nobody has ended in time; they are this node's until then."""
    (rows,) = await db.write(_SQL["take over attempts"](now=to_epoch(now), until=to_epoch(until), limit=limit))
    return [replace(from_row(row), turn=until) for row in rows]
