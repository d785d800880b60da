"""Lists: numbered by their scope, published whole, the newest of each kind kept.

A list's octets are written piece by piece, so that no transaction is long; it is there once its row says so. Trust:
they are signed; whoever can change them can keep relying parties from having any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from evercert.base.clock import to_epoch
from evercert.ca.store.schema import queries
from evercert.db.protocol import Database, Row, Statement, Value
from evercert.store.columns import moment, to_text

__all__ = [
    "Base",
    "ListKey",
    "PublishedList",
    "add_scopes",
    "body",
    "draw_number",
    "get",
    "newest",
    "numbers_ahead",
    "of_issuer",
    "publish",
]

_SQL: Final = queries("crls")

# Octets: what a statement holds up others for is a millisecond.
_PIECE: Final = 256 * 1024
_PIECES_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class ListKey:
    """Which list. `partition` 0 is everything that the issuer has signed."""

    issuer: str
    partition: int = 0
    delta: bool = False


@dataclass(frozen=True, slots=True)
class Base:
    """A whole list that was published, and that somebody may still hold."""

    number: int
    this_update: datetime
    next_update: datetime


@dataclass(frozen=True, slots=True)
class PublishedList:
    """All about one but its octets. `base` is the number that a delta goes on from, `revoked` how many revocations of
    its own scope it knows of, `bases` those before a whole list that are not over."""

    key: ListKey
    number: int
    this_update: datetime
    next_update: datetime
    revoked: int
    entries: int
    octets: int
    digest: str
    base: int = 0
    bases: tuple[Base, ...] = ()


_bases: Final = msgspec.json.Decoder(tuple[Base, ...]).decode


async def add_scopes(db: Database, issuer: str, partitions: Iterable[int]) -> None:
    """Afterwards lists may be made of them. Idempotent."""
    await db.write(*(_SQL["add scope"](issuer=issuer, partition=each) for each in partitions))


async def of_issuer(db: Database, issuer: str) -> tuple[Mapping[int, int], list[PublishedList]]:
    """How many revocations there were in each of its scopes, and its newest lists."""
    scopes, lists = await db.scan(_SQL["scopes"](issuer=issuer), _SQL["lists"](issuer=issuer))
    return dict(scopes), [_list_from(row) for row in lists]


async def newest(db: Database) -> list[PublishedList]:
    """The newest of each kind, of all issuers."""
    return [_list_from(row) for row in await db.rows(_SQL["all lists"]())]


async def get(db: Database, key: ListKey) -> PublishedList | None:
    rows = await db.rows(_SQL["list"](**_place(key)))
    return _list_from(rows[0]) if rows else None


async def draw_number(db: Database, issuer: str, partition: int) -> tuple[int, int]:
    """A number that no list of that scope has or had, and the scope's revocations so far: what is read from now on
    holds all of these."""
    statement = _SQL["draw number"](issuer=issuer, partition=partition).expecting(1)
    ((row,),) = await db.write(statement)
    return row[0], row[1]


def numbers_ahead(ahead: int) -> Statement:
    """The statement after which every scope's next number is so much larger."""
    return _SQL["move numbers ahead"](ahead=ahead)


async def publish(db: Database, made: PublishedList, octets: Iterable[bytes]) -> None:
    """Afterwards it is the newest of its kind, and the ones before are gone. *octets* is the list in pieces that follow
    one another. Raises `conflict` where a newer one was published meanwhile."""
    place = _place(made.key)
    for position, piece in enumerate(_pieces(octets)):
        await db.write(_SQL["add piece"](**place, number=made.number, position=position, der=piece))
    await db.write(
        _SQL["publish list"](
            **place,
            number=made.number,
            base=made.base,
            this_update=to_epoch(made.this_update),
            next_update=to_epoch(made.next_update),
            revoked=made.revoked,
            entries=made.entries,
            octets=made.octets,
            digest=made.digest,
            bases=to_text(made.bases),
        ).expecting(1)
    )
    dropped = _SQL["drop pieces"](**place, number=made.number, limit=_PIECES_AT_ONCE)
    while (await db.write(dropped))[0]:
        pass


async def body(db: Database, found: PublishedList) -> bytes | None:
    """The octets; None where a newer list has taken the place of this one meanwhile."""
    octets = bytearray()
    for position in range(-(-found.octets // _PIECE)):
        (rows,) = await db.scan(_SQL["piece"](**_place(found.key), number=found.number, position=position))
        if not rows:
            return None
        octets += rows[0][0]
    return bytes(octets)


def _pieces(octets: Iterable[bytes]) -> Iterator[bytes]:
    """The same in pieces of one length, but for the last."""
    rest = bytearray()
    for each in octets:
        rest += each
        while len(rest) >= _PIECE:
            yield bytes(rest[:_PIECE])
            del rest[:_PIECE]
    if rest:
        yield bytes(rest)


def _place(key: ListKey) -> dict[str, Value]:
    return {"issuer": key.issuer, "partition": key.partition, "delta": int(key.delta)}


def _list_from(row: Row) -> PublishedList:
    issuer, partition, delta, number, base, this_update, next_update, revoked, entries, octets, digest, bases = row
    return PublishedList(
        key=ListKey(issuer, partition, bool(delta)),
        number=number,
        this_update=moment(this_update),
        next_update=moment(next_update),
        revoked=revoked,
        entries=entries,
        octets=octets,
        digest=digest,
        base=base,
        bases=_bases(bases),
    )
