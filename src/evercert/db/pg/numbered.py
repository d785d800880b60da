"""Named parameters as PostgreSQL has them: by number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from evercert.base.errors import EvercertError
from evercert.db.protocol import Query, Statement, Value

__all__ = ["Numbered", "numbered", "values_of"]

# What a colon means nothing in, then a cast, then a parameter (PostgreSQL 15, 4.1.2, 4.1.5 and 4.2.9).
_PARTS = re.compile(
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


@dataclass(frozen=True, slots=True)
class Numbered:
    """A query's words with `$1`, `$2`, ..., and the names that those had, in this order."""

    name: str
    sql: str
    names: tuple[str, ...]


# Queries are those of the program's own files: some hundreds.
@lru_cache(4096)
def numbered(query: Query) -> Numbered:
    """The query for PostgreSQL; compiled once."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name = found["name"]
        return found[0] if name is None else f"${names.setdefault(name, len(names) + 1)}"

    sql = _PARTS.sub(number, query.postgres or query.sql)
    return Numbered(query.name, sql, tuple(names))


def values_of(statement: Statement, names: tuple[str, ...]) -> list[Value]:
    """The statement's values in that order. One that was forgotten is an error, not a null."""
    try:
        return [statement.params[name] for name in names]
    except KeyError as missing:
        raise EvercertError("store", f"{statement.query.name}: no value for {missing.args[0]}") from None
