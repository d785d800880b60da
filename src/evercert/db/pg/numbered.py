"""Named parameters as PostgreSQL has them: by number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from evercert.base.errors import EvercertError
from evercert.db.protocol import Query, Statement, Value

__all__ = ["GUARD", "Numbered", "numbered", "values_of"]

# What a colon means nothing in, then a cast, then a parameter (PostgreSQL 15, 4.1.2, 4.1.5 and 4.2.9).
_PARTS: Final = re.compile(
    r"""
      \b[eE]'(?:[^'\\]|\\.|'')*'                  # a string with escapes
    | '(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | --[^\n]*
    | /\*.*?\*/
    | (?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)   # a string between dollars
    | ::
    | :(?P<name>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)


# What a guard says when it undoes a statement. PostgreSQL's error about it repeats it in whatever language.
GUARD: Final = "another number of rows"

# A statement that is guarded by PostgreSQL itself needs no transaction around it: two round trips less. The CAST fails,
# and so undoes the statement, unless it has touched the expected number of rows (or none, where nothing is to undo).
_GUARDED: Final = """\
WITH touched AS (
{sql}
)
SELECT * FROM touched
WHERE (
    SELECT CASE WHEN count(*) = ${expect} THEN TRUE ELSE CAST(concat('{guard}: ', count(*)) AS BOOLEAN) END FROM touched
)"""
_CHANGES: Final = re.compile(r"\s*(?:INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
_RETURNS: Final = re.compile(r"\bRETURNING\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A query's words with `$1`, `$2`, ..., and the names that those had, in this order.

    `guarded` are its words where it stands alone and one more value says how many rows it must touch; empty
    where it is no plain change. `returns` says whether it has rows to return.
    """

    name: str
    sql: str
    names: tuple[str, ...]
    guarded: str
    returns: bool

    @property
    def changes(self) -> bool:
        """Whether it is a plain change."""
        return bool(self.guarded)


# Queries are those of the program's own files: some hundreds.
@lru_cache(4096)
def numbered(query: Query, taken: int = 0) -> Numbered:
    """The query for PostgreSQL, the first of its numbers the one after those that are *taken*; compiled once."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name = found["name"]
        return found[0] if name is None else f"${names.setdefault(name, taken + len(names) + 1)}"

    words = query.postgres or query.sql
    sql = _PARTS.sub(number, words)
    changes = bool(_CHANGES.match(sql))
    returns = not changes or bool(_RETURNS.search(_PARTS.sub("", words)))
    # Whatever is the last line of the words, a comment too, has to end before ours begin.
    changing = sql if returns else f"{sql}\nRETURNING TRUE"
    guarded = _GUARDED.format(sql=changing, expect=taken + len(names) + 1, guard=GUARD) if changes else ""
    return Numbered(query.name, sql, tuple(names), guarded, returns)


def values_of(statement: Statement, names: tuple[str, ...]) -> list[Value]:
    """The statement's values in that order. One that was forgotten is an error, not a null."""
    try:
        return [statement.params[name] for name in names]
    except KeyError as missing:
        raise EvercertError("store", f"{statement.query.name}: no value for {missing.args[0]}") from None
