"""Named SQL: each file in `queries/` holds one noun's queries, each with a name and a line that says what it is for.

-- name: open issuance of a certificate
-- The one that is neither issued nor abandoned.
SELECT ...;
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, LiteralString

from evercert.db.protocol import Query

__all__ = ["FOLDER", "file_text", "load_queries"]

FOLDER: Final = Path(__file__).parent

_QUERY = re.compile(r"^-- name: (?P<name>[a-z ]+)\n-- (?P<meaning>\S.*)\n(?P<sql>(?:.+\n)+)", re.MULTILINE)


def file_text(path: Path) -> LiteralString:
    """The SQL in one of this package's own files.

    Calling it literal is legitimate because the file is part of the program, installed with it and by
    the same hand: no input of anybody's is in it. Trust: whoever can change it can change the code beside it.
    """
    return path.read_text(encoding="ascii")


def load_queries(noun: str) -> Mapping[str, Query]:
    """The noun's queries by name."""
    return {query.name: query for query in _queries(file_text(FOLDER / "queries" / f"{noun}.sql"))}


def _queries(text: LiteralString) -> Iterator[Query]:
    for found in _QUERY.finditer(text):
        yield Query(found["name"], found["sql"].strip().removesuffix(";"))
