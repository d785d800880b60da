"""What SQLite's failures mean to a person: one table."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw

from evercert.base.errors import EvercertError

__all__ = ["as_told", "is_busy"]

_RETRY = "try again when it is done; if nothing else runs, look for a stopped process that holds the file"
_RESTORE = "stop Evercert and restore the file from a backup"
_ACCESS = "run as the user who owns the store, and check the folder's owner and mode"

# The first class that fits is the one meant.
_MEANINGS: Final[tuple[tuple[type[Exception], str, str, str], ...]] = (
    (
        apsw.ConstraintError,
        "conflict",
        "something else has that place or needs it",
        "look again, it has changed",
    ),
    (apsw.BusyError, "store", "another process is busy with the store {path}", _RETRY),
    (apsw.LockedError, "store", "another process is busy with the store {path}", _RETRY),
    (apsw.ReadOnlyError, "store", "the store {path} may not be written", _ACCESS),
    (apsw.CantOpenError, "store", "the store {path} cannot be opened", _ACCESS),
    (apsw.PermissionsError, "store", "the store {path} may not be used", _ACCESS),
    (apsw.FullError, "store", "there is no room for the store {path}", "free some space on its disk"),
    (apsw.NotADBError, "store", "{path} is not a store", f"name another folder with EVERCERT_HOME, or {_RESTORE}"),
    (apsw.CorruptError, "store", "the store {path} is damaged", _RESTORE),
    (apsw.IOError, "store", "the disk failed under the store {path}", "check the disk and its free space"),
)


def is_busy(error: BaseException) -> bool:
    """Whether it only says that somebody else's lock is in the way."""
    return isinstance(error, apsw.BusyError | apsw.LockedError)


def as_told(error: BaseException, path: Path) -> EvercertError:
    """*error* as a `store` or `conflict` error about the database at *path*; one of ours stays as it is."""
    if isinstance(error, EvercertError):
        return EvercertError(error.code.name, error.message, hint=error.hint, name=error.name)
    for kind, code, message, hint in _MEANINGS:
        if isinstance(error, kind):
            return EvercertError(code, message.format(path=path), hint=hint)
    # SQLite names tables and columns in its messages, never values.
    return EvercertError("store", f"the store {path} failed: {type(error).__name__}: {str(error)[:200]}")
