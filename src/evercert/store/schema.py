"""The schema's migrations, in order. An applied one is never edited: what must change gets the next number."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from evercert.db.migrate import Migration
from evercert.store.sql import FOLDER, file_text, twin_of

__all__ = ["MIGRATIONS", "load_migrations"]


def load_migrations(folder: Path) -> tuple[Migration, ...]:
    """One per file `NNNN_words.sql` of that folder's `migrations/`, with its `.postgres.sql` twin where there is one;
    a gap in the numbers is an error of whoever wrote them."""
    files = sorted(file for file in (folder / "migrations").glob("[0-9]*_*.sql") if "." not in file.stem)
    numbered = [(int(file.stem.partition("_")[0]), file) for file in files]
    if [number for number, _ in numbered] != list(range(1, len(files) + 1)):
        raise RuntimeError("migrations run from 1 without a gap")
    return tuple(_migration(number, file) for number, file in numbered)


def _migration(number: int, file: Path) -> Migration:
    twin = twin_of(file)
    return Migration(number, file.stem, file_text(file), file_text(twin) if twin.exists() else "")


MIGRATIONS: Final = load_migrations(FOLDER)
