"""Several statements sent as one, which takes one round trip; a transaction takes one for each, and two more.

What stands together is one statement to PostgreSQL: all of its parts see one snapshot, and it is a transaction by
itself. So statements that only read may always be joined. Those that change something may be where no part reads or
changes a row that another one changes: where all but one of them are `Query.apart`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from evercert.db.pg.numbered import GUARD, numbered, values_of
from evercert.db.protocol import Query, Row, Statement, Value

__all__ = ["Joined", "change_of", "portions_of", "reading_of"]

# With more of them a plan costs more than the round trips that it saves.
_MOST: Final = 8

# The rows of each are an array of records, in their order.
_READ: Final = "ARRAY(SELECT r{number} FROM (\n{sql}\n) AS r{number})"
_CHANGED: Final = "ARRAY(SELECT r{number} FROM r{number})"
# Fails, and so undoes everything, unless the part has touched or returned that number of rows. Guards are computed in
# their order, each when it is reached, so that a fence holds its lock before anything is changed.
_GUARD: Final = """\
(
    SELECT CASE WHEN count(*) = ${expect} THEN TRUE ELSE CAST(concat('{guard} {number}: ', count(*)) AS BOOLEAN) END
    FROM r{number}
)"""


@dataclass(frozen=True, slots=True)
class Joined:
    """Words and values of the one statement; `returns` says of each part whether its rows are among what comes back,
    which is one row: first a value for each guard, then an array for each part that returns rows."""

    sql: str
    values: list[Value]
    returns: tuple[bool, ...]
    guards: int

    def rows(self, row: Row) -> list[list[Row]]:
        """What each part returned, out of what came back."""
        arrays = iter(row[self.guards :])
        return [list(next(arrays)) if returns else [] for returns in self.returns]


def reading_of(statements: Sequence[Statement]) -> Joined | None:
    """The one statement that reads all of them, unless there are too many."""
    if len(statements) > _MOST:
        return None
    words = _reading(tuple(statement.query for statement in statements))
    return Joined(words, _values(statements), (True,) * len(statements), 0)


def change_of(statements: Sequence[Statement]) -> Joined | None:
    """The one statement that does what all of them do, if there is one."""
    if not _may_be_joined(statements):
        return None
    words, returns = _change(tuple((each.query, each.expect is not None) for each in statements))
    guards = [each.expect for each in statements if each.expect is not None]
    return Joined(words, [*_values(statements), *guards], returns, len(guards))


def portions_of(statements: Sequence[Statement]) -> Iterator[list[Statement]]:
    """All of them in their order, in portions of which each is one statement or can be joined."""
    portion: list[Statement] = []
    for statement in statements:
        if portion and not _may_be_joined([*portion, statement]):
            yield portion
            portion = []
        portion.append(statement)
    yield portion


def _may_be_joined(statements: Sequence[Statement]) -> bool:
    plain = all(numbered(each.query).changes or each.query.apart for each in statements)
    return plain and len(statements) <= _MOST and sum(not each.query.apart for each in statements) <= 1


def _values(statements: Sequence[Statement]) -> list[Value]:
    return [value for each in statements for value in values_of(each, numbered(each.query).names)]


@lru_cache(1024)
def _reading(queries: tuple[Query, ...]) -> str:
    words, _ = _numbered_on(queries)
    return "SELECT " + ",\n".join(_READ.format(number=number, sql=sql) for number, sql in enumerate(words))


@lru_cache(1024)
def _change(parts: tuple[tuple[Query, bool], ...]) -> tuple[str, tuple[bool, ...]]:
    """Its words, and of each part whether it returns rows."""
    words, taken = _numbered_on([query for query, _ in parts])
    returns = tuple(numbered(query).returns for query, _ in parts)
    tables, columns, arrays = [], [], []
    for number, (sql, (_, is_guarded), returning) in enumerate(zip(words, parts, returns, strict=True)):
        if returning:
            arrays.append(_CHANGED.format(number=number))
        if is_guarded:
            taken += 1
            columns.append(_GUARD.format(number=number, expect=taken, guard=GUARD))
        # Whatever is the last line of the words, a comment too, has to end before ours begin.
        counted = "\nRETURNING TRUE" if is_guarded and not returning else ""
        tables.append(f"r{number} AS (\n{sql}{counted}\n)")
    return "WITH " + ",\n".join(tables) + "\nSELECT " + (",\n".join([*columns, *arrays]) or "TRUE"), returns


def _numbered_on(queries: Sequence[Query]) -> tuple[list[str], int]:
    """The words of each, with parameters that are numbered on from one to the next; how many those are."""
    words, taken = [], 0
    for query in queries:
        part = numbered(query, taken)
        words.append(part.sql)
        taken += len(part.names)
    return words, taken
