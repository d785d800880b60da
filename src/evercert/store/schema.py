"""The schema's migrations, in order. An applied one is never edited: what must change gets the next number."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from evercert.db.migrate import Migration
from evercert.store.sql import FOLDER, file_text

__all__ = ["MIGRATIONS", "POSTGRES_MIGRATIONS"]

_TWIN = ".postgres"


def _migrations(twin: str) -> tuple[Migration, ...]:
    """One per file `NNNN_words.sql`, or its *twin* where the two databases must differ; a gap in the numbers
    is an error of whoever wrote them."""
    every = sorted((FOLDER / "migrations").glob("[0-9]*_*.sql"))
    files = [file for file in every if not file.stem.endswith(_TWIN)]
    numbered = [(int(file.stem.partition("_")[0]), file) for file in files]
    if [number for number, _ in numbered] != list(range(1, len(files) + 1)):
        raise RuntimeError("migrations run from 1 without a gap")
    return tuple(Migration(number, file.stem, file_text(_twin_of(file, twin))) for number, file in numbered)


def _twin_of(file: Path, twin: str) -> Path:
    other = file.with_name(f"{file.stem}{twin}.sql")
    return other if other.exists() else file


MIGRATIONS: Final = _migrations("")
POSTGRES_MIGRATIONS: Final = _migrations(_TWIN)
