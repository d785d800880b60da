"""Orders: `pending -> processing -> valid`, or `invalid` on the way. `ready` is derived (see `nouns.Order.status`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from msgspec.structs import replace

from evercert.acme.wire import ProblemDocument
from evercert.base.clock import to_epoch
from evercert.base.names import Identifier
from evercert.ca.nouns import Order
from evercert.ca.store.rows import identifiers_from, identifiers_to, order_from, problem_to
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database, Statement
from evercert.store.columns import number_or_none, to_text

__all__ = [
    "added",
    "begin_processing",
    "cancelled",
    "digest_of",
    "failed",
    "finished",
    "get",
    "identical",
    "next_certificate",
    "page",
    "put_off",
    "recurrence_ended",
    "sets",
    "take_over",
    "take_recurring",
]

_SQL: Final = queries("orders")


async def get(db: Database, order_id: int) -> Order | None:
    rows, authorizations = await db.read(_SQL["order"](id=order_id), _SQL["authorizations of an order"](id=order_id))
    return order_from(rows[0], authorizations) if rows else None


def digest_of(identifiers: Sequence[Identifier], *also: object) -> str:
    """Equal for orders that ask for the same, in whatever sequence."""
    return sha256(
        to_text([sorted((each.type, each.value) for each in identifiers), *map(str, also)]).encode()
    ).hexdigest()


async def identical(db: Database, account_id: int, digest: str, alive: datetime) -> Order | None:
    """An open order of the account that asked for the same and lives until then."""
    rows = await db.rows(_SQL["identical order"](account_id=account_id, digest=digest, alive=to_epoch(alive)))
    return await get(db, rows[0][0]) if rows else None


def added(order: Order, digest: str) -> tuple[Statement, ...]:
    """The statements that make it, with its authorizations (which must be there) in the order of its identifiers."""
    order_row = _SQL["add order"](
        id=order.id,
        account_id=order.account_id,
        identifiers=identifiers_to(order.identifiers),
        digest=digest,
        profile=order.profile,
        replaces=order.replaces,
        not_before=number_or_none(order.not_before),
        not_after=number_or_none(order.not_after),
        recurrence=to_text(order.recurrence) if order.recurrence else "",
        created_at=to_epoch(order.created_at),
        expires_at=to_epoch(order.expires_at),
    )
    numbers = enumerate(each for each, _, _ in order.authorizations)
    return order_row, *(_SQL["link authorization"](order_id=order.id, position=at, id=each) for at, each in numbers)


async def begin_processing(db: Database, order_id: int, csr: bytes, *, now: datetime, until: datetime) -> bool:
    """Afterwards the order is `processing` with that request, and this node is at it; False where it was not ready."""
    (rows,) = await db.write(_SQL["begin processing"](id=order_id, csr=csr, now=to_epoch(now), until=to_epoch(until)))
    return bool(rows)


def finished(order: Order, serial: str, recur_at: datetime | None = None, *, key_digest: str = "") -> Statement:
    """The statement that ends it with its one certificate; a conflict where it is not in this turn any more, or the
    key in it is blocked by now."""
    return _SQL["finish order"](
        id=order.id,
        serial=serial,
        key_digest=key_digest,
        recur_at=number_or_none(recur_at),
        end=to_epoch(order.recurrence.end) if order.recurrence else 0,
        turn=number_or_none(order.turn),
    ).expecting(1)


def next_certificate(order: Order, serial: str, recur_at: datetime | None, *, key_digest: str = "") -> Statement:
    """The statement that gives a recurrent order its next certificate; a conflict where somebody was first, or the
    key in it is blocked by now."""
    return _SQL["next certificate of an order"](
        id=order.id,
        serial=serial,
        key_digest=key_digest,
        before=order.certificate,
        recur_at=number_or_none(recur_at),
        turn=number_or_none(order.turn),
    ).expecting(1)


def put_off(order: Order, recur_at: datetime) -> Statement:
    """The statement that has a recurrent order wait for its next certificate; a conflict where somebody was first."""
    return _SQL["put off recurrence"](
        id=order.id, recur_at=to_epoch(recur_at), turn=number_or_none(order.turn)
    ).expecting(1)


def recurrence_ended(order: Order, why: ProblemDocument) -> Statement:
    """The statement that ends a recurrent order for that reason; a conflict where somebody was first."""
    return _SQL["end recurrence"](id=order.id, error=problem_to(why), turn=number_or_none(order.turn)).expecting(1)


def failed(order: Order, why: ProblemDocument) -> Statement:
    """The statement that ends it with that reason; a conflict where it is not in this turn any more."""
    return _SQL["fail order"](id=order.id, error=problem_to(why), turn=number_or_none(order.turn)).expecting(1)


def cancelled(order_id: int) -> Statement:
    """The statement that ends a recurrent order; a conflict where there is nothing to end."""
    return _SQL["cancel order"](id=order_id).expecting(1)


async def page(db: Database, account_id: int, after: int, limit: int, now: datetime) -> list[int]:
    """The numbers of the account's orders that are not invalid, oldest first, behind the one of that number."""
    rows = await db.rows(
        _SQL["orders of an account"](account_id=account_id, after=after, limit=limit, now=to_epoch(now))
    )
    return [number for (number,) in rows]


async def sets(db: Database, account_id: int, before: int, limit: int) -> list[tuple[int, tuple[Identifier, ...]]]:
    """The numbers of the account's orders before the one of that number, and what each was for; newest first."""
    rows = await db.rows(_SQL["sets of an account"](account_id=account_id, before=before, limit=limit))
    return [(number, identifiers_from(text)) for number, text in rows]


async def take_over(db: Database, now: datetime, until: datetime, limit: int = 100) -> list[Order]:
    """Orders whose node has not finished them in time; they are this node's until then."""
    (rows,) = await db.write(_SQL["take over orders"](now=to_epoch(now), until=to_epoch(until), limit=limit))
    return await _all(db, (number for (number,) in rows), until)


async def take_recurring(db: Database, now: datetime, until: datetime, limit: int = 100) -> list[Order]:
    """Recurrent orders whose next certificate is due; they are this node's until then."""
    (rows,) = await db.write(_SQL["take recurring orders"](now=to_epoch(now), until=to_epoch(until), limit=limit))
    return await _all(db, (number for (number,) in rows), until)


async def _all(db: Database, numbers: Iterable[int], turn: datetime) -> list[Order]:
    return [replace(order, turn=turn) for number in numbers if (order := await get(db, number))]
