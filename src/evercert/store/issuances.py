"""Issuances: `keyed -> placing -> ordered -> issued`, or abandoned on the way.

Rules of this file:

* Each step is guarded by the status before it: of two racers one wins, the other gets `conflict`.
* An issuance that ended is never open again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from evercert.base.clock import to_epoch
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Row, Statement
from evercert.model.event import IssuanceAbandoned, OrderPlaced
from evercert.model.fact import Cause, Issuance, IssuanceStatus, IssuedCertificate
from evercert.model.intent import CertificateIntent
from evercert.store import budgets, events, lanes
from evercert.store import issued as issued_rows
from evercert.store.budgets import Reserved
from evercert.store.columns import moment, number_or_none, to_text
from evercert.store.sql import load_queries

if TYPE_CHECKING:  # what only reads the store (a list, a plan) does not pay for X.509
    from evercert.pki.cert import CertificateView

__all__ = [
    "WIDTH",
    "Begun",
    "abandon",
    "abandoned",
    "begin",
    "begun_since",
    "drop_replaces",
    "from_row",
    "get",
    "issued",
    "issued_late",
    "known_order_urls",
    "open_of",
    "ordered",
    "placing",
    "to_withdraw",
    "withdrawn",
]

_SQL: Final = load_queries("issuances")

# So many columns does `from_row` read.
WIDTH: Final = 10

# A CA's words are cut to this before they are kept.
_REASON = 500

# Who counts issuances of one certificate needs to know that there are many, and not how many.
_MANY = 100


class Begun(msgspec.Struct, frozen=True):
    """That an issuance was begun, why, and what has come of it."""

    account_id: int
    cause: Cause
    at: datetime
    issued: bool
    # It was ordered, and given up.
    in_vain: bool


async def begin(
    db: Database,
    certificate: str,
    account_id: int,
    key_id: int | None,
    csr: bytes,
    *,
    now: datetime,
    replaces: str = "",
    profile: str = "",
    intent: CertificateIntent | None = None,
    cause: Cause = Cause.ASKED,
    rival: bool = False,
) -> Issuance:
    """A new issuance, keyed; a *rival* where there is one at another CA already.

    Raises `conflict` while another such one of the certificate is open, or if *intent*, from which the CSR
    was made, is no longer what is wanted.
    """
    statement = _SQL["begin issuance"](
        certificate=certificate,
        account_id=account_id,
        key_id=key_id,
        csr=csr,
        created_at=to_epoch(now),
        replaces=replaces,
        profile=profile,
        intent=to_text(intent) if intent else "",
        cause=cause.value,
        rival=int(rival),
    )
    ((row,),) = await db.write(statement.expecting(1))
    return from_row(row)


async def get(db: Database, issuance_id: int) -> Issuance | None:
    rows = await db.rows(_SQL["issuance"](id=issuance_id))
    return from_row(rows[0]) if rows else None


async def placing(db: Database, issuance: Issuance, *paid: Statement, reserved: Sequence[Reserved] = ()) -> Issuance:
    """Afterwards newOrder may be sent, and it is *paid* for in the same transaction; what is only *reserved* by that is
    given back if no certificate comes of it.

    Without payment idempotent, because newOrder may have been sent and its answer lost; but nobody pays twice. Raises
    `conflict`.
    """
    other = "keyed" if paid else "placing"
    statement = _SQL["issuance is placing"](id=issuance.id, other=other, paid=_lines(reserved)).expecting(1)
    rows, *_ = await db.write(statement, *paid)
    return from_row(rows[0])


async def drop_replaces(
    db: Database, issuance: Issuance, *paid: Statement, reserved: Sequence[Reserved] = ()
) -> Issuance:
    """Afterwards its order names no predecessor, and is *paid* for as such."""
    statement = _SQL["drop replaces"](id=issuance.id, paid=_lines(reserved)).expecting(1)
    rows, *_ = await db.write(statement, *paid)
    return from_row(rows[0])


async def ordered(db: Database, issuance: Issuance, url: str, *, ca: str, adopted: bool, now: datetime) -> Issuance:
    """Afterwards the URL of the order at *ca* is durable, and a challenge may be answered."""
    event = OrderPlaced(
        certificate=issuance.certificate, ca=ca, order_url=url, replaces=issuance.replaces, adopted=adopted
    )
    rows, _ = await db.write(
        _SQL["issuance is ordered"](id=issuance.id, order_url=url).expecting(1), events.appended(event, now)
    )
    return from_row(rows[0])


async def issued(
    db: Database, issuance: Issuance, chain: tuple[bytes, ...], view: CertificateView, *, now: datetime
) -> IssuedCertificate:
    """Afterwards the certificate and its chain (DER, leaf first) are durable and are the current ones; due at once.
    A rival that is open is given up in the same transaction: one order wins, whatever dies when."""
    certificate = issuance.certificate
    opened, known_chain, places = await db.read(
        open_of(certificate), issued_rows.chain_of(chain), lanes.places(certificate)
    )
    others = [from_row(row) for row in opened if row[0] != issuance.id]
    before = [
        _SQL["issuance is issued"](id=issuance.id, now=to_epoch(now), csr=b"").expecting(1),
        *(each for other in others for each in abandoned(other, "another CA was first", now)),
        *([lanes.left(certificate)] if places else ()),
    ]
    kept = issued_rows.kept(certificate, chain, view, now, key_id=issuance.key_id, issuance_id=issuance.id)
    if known_chain:  # as a rule; thousands would wait for its one row
        try:
            return await issued_rows.keep_after(db, before, kept)
        except EvercertError as error:
            if error.code.name != "conflict":  # it may just have been pruned
                raise
    return await issued_rows.keep_after(db, [*before, *issued_rows.kept_chain(chain)], kept)


async def issued_late(
    db: Database, issuance: Issuance, chain: tuple[bytes, ...], view: CertificateView, *, now: datetime
) -> IssuedCertificate:
    """Afterwards the certificate of an issuance that was given up meanwhile is kept beside the current one, and what
    was given back for it is drawn again, for the CA has counted it. Raises `conflict` where it was not given up."""
    done = _SQL["issuance is issued late"](id=issuance.id, csr=b"").expecting(1)
    kept = issued_rows.kept(
        issuance.certificate, chain, view, now, key_id=issuance.key_id, issuance_id=issuance.id, current=False
    )
    rows = await db.rows(_SQL["paid for issuance"](id=issuance.id))
    used = [msgspec.json.decode(line, type=Reserved) for (text,) in rows for line in text.splitlines()]
    again = [budgets.charge(each.key, now=to_epoch(now), span=each.span) for each in sorted(used, key=_by_key)]
    return await issued_rows.keep_after(db, [done, *again, *issued_rows.kept_chain(chain)], kept)


async def abandon(db: Database, issuance: Issuance, reason: str, *, now: datetime, lost: bool = False) -> None:
    """Afterwards it is given up for that reason, what was reserved for it is given back, and another may begin; its
    order, if it has one and that is not *lost* to the CA too, is to be withdrawn."""
    await db.write(*abandoned(issuance, reason, now, lost=lost))


def abandoned(issuance: Issuance, reason: str, now: datetime, *, lost: bool = False) -> tuple[Statement, ...]:
    """The statements that give it up, and give back what was reserved for it and its places in lanes. The chain of
    events comes last among them, as where somebody learns of a limit."""
    event = IssuanceAbandoned(certificate=issuance.certificate, order_url=issuance.order_url, reason=reason[:_REASON])
    ended = _SQL["abandon issuance"](id=issuance.id, reason=reason[:_REASON], lost=int(lost), now=to_epoch(now))
    return (
        ended.expecting(1),
        budgets.given_back(issuance.id),
        lanes.left(issuance.certificate),
        events.appended(event, now),
    )


async def begun_since(db: Database, certificate: str, since: datetime) -> list[Begun]:
    """What was begun after that moment and after a person last looked after the certificate, newest first; of very many
    not all."""
    statement = _SQL["issuances begun since"](certificate=certificate, since=to_epoch(since), limit=_MANY)
    return [
        Begun(account_id, Cause(cause), moment(at), status == "issued", status == "abandoned" and bool(was_ordered))
        for account_id, cause, status, was_ordered, at in await db.rows(statement)
    ]


def _by_key(reserved: Reserved) -> budgets.Key:
    return reserved.key


def _lines(reserved: Sequence[Reserved]) -> str:
    return "".join(f"{to_text(each)}\n" for each in reserved)


def open_of(certificate: str) -> Statement:
    """The statement whose rows, at most two, `from_row` reads."""
    return _SQL["open issuances"](certificate=certificate)


async def to_withdraw(db: Database, certificate: str, now: datetime) -> list[tuple[Issuance, datetime]]:
    """Those whose orders are to be withdrawn at their CA now, and when they were given up."""
    rows = await db.rows(_SQL["issuances to withdraw"](certificate=certificate, now=to_epoch(now)))
    return [(from_row(row[:WIDTH]), moment(row[WIDTH])) for row in rows]


async def withdrawn(db: Database, issuance: Issuance, again_at: datetime | None = None) -> None:
    """Afterwards there is nothing left to withdraw, or it is tried at that moment. Idempotent."""
    await db.write(_SQL["withdraw later"](id=issuance.id, withdraw_at=number_or_none(again_at)))


async def known_order_urls(db: Database, account_id: int) -> frozenset[str]:
    """The URLs of all of the account's orders that some issuance, open or ended, knows."""
    [rows] = await db.scan(_SQL["known order urls"](account_id=account_id))
    return frozenset(url for (url,) in rows)


def from_row(row: Row) -> Issuance:
    number, certificate, account_id, status, key_id, csr, created_at, order_url, replaces, profile = row
    return Issuance(
        id=number,
        certificate=certificate,
        account_id=account_id,
        status=IssuanceStatus(status),
        key_id=key_id,
        csr=csr,
        created_at=moment(created_at),
        order_url=order_url,
        replaces=replaces,
        profile=profile,
    )
