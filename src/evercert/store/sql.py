"""Named SQL: each file in a folder's `queries/` holds one noun's queries, each with a name and a line that says what it
is for; where PostgreSQL needs other words for some of them, those stand under the same names in a `.postgres.sql` twin.

-- name: open issuance of a certificate
-- The one that is neither issued nor abandoned.
SELECT ...;
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, LiteralString

from evercert.db.protocol import Query

__all__ = ["FOLDER", "file_text", "load_queries", "twin_of"]

FOLDER: Final = Path(__file__).parent

_QUERY = re.compile(r"^-- name: (?P<name>[a-z ]+)\n-- (?P<meaning>\S.*)\n(?P<sql>(?:.+\n)+)", re.MULTILINE)


def file_text(path: Path) -> LiteralString:
    """The SQL in one of this package's own files.

    Calling it literal is legitimate because the file is part of the program, installed with it and by
    the same hand: no input of anybody's is in it. Trust: whoever can change it can change the code beside it.
    """
    return path.read_text(encoding="ascii")


def twin_of(file: Path) -> Path:
    """Where a file's words for PostgreSQL stand, if there are any."""
    return file.with_name(f"{file.stem}.postgres.sql")


def load_queries(noun: str, folder: Path = FOLDER) -> Mapping[str, Query]:
    """The noun's queries by name, from that folder's `queries/`."""
    file = folder / "queries" / f"{noun}.sql"
    queries = {name: Query(name, sql) for name, sql in _named(file_text(file)).items()}
    if twin_of(file).exists():
        for name, sql in _named(file_text(twin_of(file))).items():
            queries[name] = replace(queries[name], postgres=sql)
    return queries


def _named(text: LiteralString) -> dict[str, LiteralString]:
    return {found["name"]: found["sql"].strip().removesuffix(";") for found in _QUERY.finditer(text)}
