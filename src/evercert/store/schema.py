"""The schema's migrations, in order. An applied one is never edited: what must change gets the next number."""

from __future__ import annotations

from typing import Final

from evercert.db.migrate import Migration
from evercert.store.sql import FOLDER, file_text

__all__ = ["MIGRATIONS"]


def _migrations() -> tuple[Migration, ...]:
    """One per file `NNNN_words.sql`."""
    files = sorted((FOLDER / "migrations").glob("[0-9]*_*.sql"))
    return tuple(Migration(int(file.stem.partition("_")[0]), file.stem, file_text(file)) for file in files)


MIGRATIONS: Final = _migrations()
