"""Several statements sent as one, which takes one round trip; a transaction takes one for each, and two more.

What stands together is one statement to PostgreSQL: all of its parts see one snapshot, and it is a transaction by
itself. So statements that only read may always be joined. Those that change something may be where no part reads or
changes a row that another one changes: where all but one of them are `Query.apart`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from evercert.db.pg.numbered import GUARD, numbered, values_of
from evercert.db.protocol import Query, Row, Statement, Value

__all__ = ["Joined", "joined", "portions_of"]

# With more of them a plan costs more than the round trips that it saves. A multiple of four, which is how many
# statements a certificate's facts take, so that those of many are one and the same.
_MOST: Final = 8

# The rows of each are an array of records, in their order.
_READ: Final = "ARRAY(SELECT r{number} FROM (\n{sql}\n) AS r{number})"
_RETURNED: Final = "ARRAY(SELECT r{number} FROM r{number})"
# Fails, and so undoes everything, unless the part has touched or returned that number of rows.
_GUARD: Final = """\
(
    SELECT CASE WHEN count(*) = ${expect} THEN TRUE ELSE CAST(concat('{guard} {number}: ', count(*)) AS BOOLEAN) END
    FROM r{number}
)"""
_DONE: Final = "(SELECT count(*) FROM r{number})"


@dataclass(frozen=True, slots=True)
class Joined:
    """Words and values of the one statement. One row comes back; `places` says for each part in which of its columns
    the part's rows are, if it returns any."""

    sql: str
    values: list[Value]
    places: tuple[int | None, ...]

    def rows(self, row: Row) -> list[list[Row]]:
        """What each part returned, out of what came back."""
        return [[] if place is None else list(row[place]) for place in self.places]


def portions_of(statements: Sequence[Statement], *, reads: bool) -> list[list[Statement]]:
    """All of them in their order, in portions of which each is one statement or can be joined; *reads*: none changes
    anything."""
    portions: list[list[Statement]] = []
    for statement in statements:
        if portions and _may_be_joined([*portions[-1], statement], reads):
            portions[-1].append(statement)
        else:
            portions.append([statement])
    return portions


def joined(portion: Sequence[Statement], *, reads: bool) -> Joined:
    """The one statement that does what all of the portion do."""
    if reads:
        words = _reading(tuple(statement.query for statement in portion))
        return Joined(words, _values(portion), tuple(range(len(portion))))
    words, places = _change(tuple((each.query, each.expect is not None) for each in portion))
    guards = [each.expect for each in portion if each.expect is not None]
    return Joined(words, [*_values(portion), *guards], places)


def _may_be_joined(statements: Sequence[Statement], reads: bool) -> bool:
    if len(statements) > _MOST or reads:
        return len(statements) <= _MOST
    are_plain = all(numbered(each.query).changes or each.query.apart for each in statements)
    return are_plain and sum(not each.query.apart for each in statements) <= 1


def _values(statements: Sequence[Statement]) -> list[Value]:
    return [value for each in statements for value in values_of(each, numbered(each.query).names)]


@lru_cache(1024)
def _reading(queries: tuple[Query, ...]) -> str:
    words, _ = _numbered_on(queries)
    return "SELECT " + ",\n".join(_READ.format(number=number, sql=sql) for number, sql in enumerate(words))


@lru_cache(1024)
def _change(parts: tuple[tuple[Query, bool], ...]) -> tuple[str, tuple[int | None, ...]]:
    """Its words, and for each part in which column its rows are. A part is done when the first of its columns is
    computed, and columns are computed from the left: a fence holds its lock before anything is changed, and events
    have the order in which they were told."""
    words, taken = _numbered_on([query for query, _ in parts])
    tables: list[str] = []
    columns: list[str] = []
    places: list[int | None] = []
    for number, (sql, (query, is_guarded)) in enumerate(zip(words, parts, strict=True)):
        returns = numbered(query).returns
        # Whatever is the last line of the words, a comment too, has to end before ours begin.
        tables.append(f"r{number} AS (\n{sql}\n)" if returns else f"r{number} AS (\n{sql}\nRETURNING TRUE\n)")
        if is_guarded:
            taken += 1
            columns.append(_GUARD.format(number=number, expect=taken, guard=GUARD))
        elif not returns:
            columns.append(_DONE.format(number=number))
        places.append(len(columns) if returns else None)
        if returns:
            columns.append(_RETURNED.format(number=number))
    return "WITH " + ",\n".join(tables) + "\nSELECT " + ",\n".join(columns), tuple(places)


def _numbered_on(queries: Sequence[Query]) -> tuple[list[str], int]:
    """The words of each, with parameters that are numbered on from one to the next; how many those are."""
    words, taken = [], 0
    for query in queries:
        part = numbered(query, taken)
        words.append(part.sql)
        taken += len(part.names)
    return words, taken
