"""A copy of a SQLite database as of one moment, while others read and write it."""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from evercert.base.errors import EvercertError

__all__ = ["copy_database"]


def copy_database(file: Path, copy: Path) -> None:
    """Afterwards *copy*, which was not there, is the database as of one moment, whole and compact, and its owner's
    alone. Nobody waits for it. Blocks as long as the copying takes. Raises `not-found`, `store`."""
    if not file.is_file():
        raise EvercertError("not-found", f"there is no database {file}")
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.execute("VACUUM INTO ?", (str(copy),))
        finally:
            connection.close()
    except apsw.Error as error:
        copy.unlink(missing_ok=True)
        raise EvercertError(
            "store", f"{file} could not be copied: {error}", hint="is there room on the disk?"
        ) from error
