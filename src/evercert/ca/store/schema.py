"""Where the CA's SQL stands, and its schema's migrations. An applied one is never edited."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from evercert.db.protocol import Query
from evercert.store.schema import load_migrations
from evercert.store.sql import load_queries

__all__ = ["MIGRATIONS", "queries"]

_FOLDER: Final = Path(__file__).parent

MIGRATIONS: Final = load_migrations(_FOLDER)


def queries(noun: str) -> Mapping[str, Query]:
    """The noun's queries by name."""
    return load_queries(noun, _FOLDER)
