"""What every database promises, whichever driver is behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, LiteralString, Protocol

import msgspec

__all__ = ["Database", "Query", "Row", "Statement", "Value", "Wakeup", "channels_of"]

Value = int | str | bytes | None

# A row's columns are as many and as typed as its SELECT says; whoever wrote that decodes them.
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """SQL with a name, and its twin where PostgreSQL needs other words. `LiteralString` keeps a value from ever
    becoming part of it. Where it says so, having written it is *news* on that channel.

    *apart*: beside any other statement of a transaction it does the same before, after or at the same time: it adds a
    row that no other one looks at, or it only looks, or locks, and before the transaction as well as within it."""

    name: str
    sql: LiteralString
    postgres: LiteralString = ""
    news: LiteralString = ""
    apart: bool = False

    def __call__(self, **params: Value) -> Statement:
        return Statement(self, params)


class Statement(msgspec.Struct, frozen=True):
    """A query and its values; `expect`, where set, is the number of rows that it must touch or return. A struct:
    some fifty are made for each certificate of a CA, and a frozen dataclass takes six times as long to make."""

    query: Query
    params: Mapping[str, Value] = msgspec.field(default_factory=dict)
    expect: int | None = None

    def expecting(self, rows: int) -> Statement:
        """The same, as a guard: another number of rows undoes the whole transaction."""
        return Statement(self.query, self.params, rows)


def channels_of(statements: Sequence[Statement]) -> set[LiteralString]:
    """Where it is news that they were written."""
    return {statement.query.news for statement in statements if statement.query.news}


class Wakeup(Protocol):
    """News on one channel since the last look; many pieces of news are one."""

    async def wait(self) -> None:
        """Returns once there may be news since it last returned. May be cancelled; then the news stays."""
        ...


class Database(Protocol):
    """Rows, read in snapshots and written in durable transactions. Safe for many tasks of one loop.

    Raises `store` where the database fails (what was to be written may or may not have been
    kept) and `conflict` where a guard or a constraint says no (then nothing was written).
    """

    async def rows(self, statement: Statement) -> list[Row]:
        """What the statement returns, which only reads, and only what an index finds: nobody else is
        served meanwhile."""
        ...

    async def read(self, *statements: Statement) -> list[list[Row]]:
        """What each such statement returns, all of them from one snapshot."""
        ...

    async def scan(self, *statements: Statement) -> list[list[Row]]:
        """`read` for what may return much or look at much: others go on meanwhile."""
        ...

    async def write(self, *statements: Statement) -> list[list[Row]]:
        """Afterwards all statements are durable, or (after any error but `store`) none is; what is news is told.

        Not undone by cancelling: a cancelled write may still become durable.
        """
        ...

    def listen(self, channel: LiteralString) -> AbstractContextManager[Wakeup]:
        """While it is open, `wait` of it returns once there may be news on that channel.

        News is a hint: many pieces are one, some are false, and some are lost with the process that brings them,
        so whoever listens looks at once when it begins, and now and then in any case.
        """
        ...

    def notify(self, channel: LiteralString) -> None:
        """Soon whoever listens to that channel, in any process, looks. For after the write that is the news."""
        ...

    async def close(self) -> None:
        """Afterwards what was begun is finished, and the database is let go."""
        ...
