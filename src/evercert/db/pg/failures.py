"""What PostgreSQL's failures mean to a person, and what may be tried again: one table.

A message of the server's may name values (its detail always does), and one of the driver's parts of the URL, so
neither is repeated unless it cannot.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from evercert.base.errors import EvercertError
from evercert.db.pg.numbered import GUARD

__all__ = [
    "as_told",
    "is_ended_by_server",
    "is_guard",
    "is_lost",
    "is_not_ready",
    "is_outdated",
    "may_be_tried_again",
    "number_of_guard",
    "state_of",
]

_LOOK_AGAIN = "look again, it has changed"
_RUNNING = "see that PostgreSQL runs and can be reached from here"
_ACCESS = "see the user, its password and pg_hba.conf"
_BY_SESSION = "connect to PostgreSQL itself, or let the pooler between pool by session"
_STANDBY = "name the primary server, or all of them: postgresql://USER@HOST,HOST/DATABASE"
_FILES = "see the file that sslrootcert names, and the folder .postgresql in the home of this user"
_OWNER = "let the user own the database, or its schema"

# SQLSTATE or its beginning (PostgreSQL 15, appendix A), the longest that fits; what it means.
_MEANINGS: Final[dict[str, tuple[str, str, str]]] = {
    "08": ("store", "the connection to {place} was lost", _RUNNING),
    "08001": ("store", "{place} cannot be reached", _RUNNING),
    "22": ("bad-input", "{place} cannot keep a value: {kind}", "text holds no NUL, numbers have 64 bits"),
    "23": ("conflict", "something else has that place or needs it", _LOOK_AGAIN),
    "25006": ("store", "{place} is read-only", _STANDBY),
    # Prepared by one session, asked of another.
    "26": ("store", "what stands before {place} mixes sessions up", _BY_SESSION),
    "28": ("store", "{place} does not let us in", _ACCESS),
    "3D000": ("store", "there is no database {place}", "create it with createdb"),
    "40": ("conflict", "somebody else was always first", _LOOK_AGAIN),
    "42P05": ("store", "what stands before {place} mixes sessions up", _BY_SESSION),
    "42501": ("store", "{place} does not allow it", _OWNER),
    "53": ("store", "{place} has not enough room, memory or connections", "see its disk, and its max_connections"),
    "55P03": ("store", "another process is busy with {place}", "try again when it is done"),
    "57014": ("store", "{place} took too long", "see what it is busy with in pg_stat_activity"),
    "57": ("store", "{place} is starting or stopping", _RUNNING),
    "58": ("store", "the disk failed under {place}", "check the disk of its server"),
    "XX": ("store", "{place} is damaged", "stop Evercert and restore it from a backup"),
    # Raised by a trigger of ours.
    "P0001": ("conflict", "something else has that place or needs it", _LOOK_AGAIN),
}

# Two transactions stood in each other's way, and PostgreSQL has undone this one (13.5).
_AGAIN: Final = frozenset({"40001", "40P01"})
# Starting, stopping, or every connection taken: it passes.
_NOT_READY: Final = frozenset({"57P01", "57P02", "57P03", "53300"})


def state_of(error: BaseException) -> str:
    """The SQLSTATE; empty where the error does not come from the server."""
    return str(getattr(error, "sqlstate", None) or "")


def is_lost(error: BaseException) -> bool:
    """Whether the session is over, and with it whatever it had not committed."""
    if isinstance(error, OSError | TimeoutError | EOFError):
        return True
    # The driver's own words for a session that it has already seen ending.
    is_ended = type(error).__name__ in {"InterfaceError", "InternalClientError"}
    return state_of(error).startswith(("08", "57P01", "57P02", "57P03", "57P05", "25P03")) or is_ended


def is_not_ready(error: BaseException) -> bool:
    """Whether the server may well let us in a moment later."""
    return is_lost(error) or state_of(error) in _NOT_READY or _is_standby(error)


def _is_standby(error: BaseException) -> bool:
    """Whether of the servers that were named, none is the primary, or not yet."""
    return type(error).__name__ == "TargetServerAttributeNotMatched"


def may_be_tried_again(error: BaseException) -> bool:
    """Whether the transaction was undone for a reason that is over."""
    return state_of(error) in _AGAIN or is_outdated(error)


def is_outdated(error: BaseException) -> bool:
    """Whether a statement was planned before a migration, and has to be planned again."""
    # The server's own state (0A000) says no more than that something cannot be done.
    return type(error).__name__ == "InvalidCachedStatementError"


def is_guard(error: BaseException) -> bool:
    """Whether a guarded statement has undone itself."""
    return state_of(error) == "22P02" and GUARD in str(error.args[0])


def number_of_guard(error: BaseException) -> int:
    """Which of the statements that were joined it guards."""
    found = re.search(rf"{GUARD} (\d+)", str(error.args[0]))
    return int(found[1]) if found else 0


def _is_out_of_reach(error: BaseException) -> bool:
    """Whether there was no connection yet."""
    return isinstance(error, ConnectionRefusedError) or type(error).__name__ == "gaierror"


# What the server has not said, and the SQLSTATE that means the same.
_ALIKE: Final[tuple[tuple[Callable[[BaseException], bool], str], ...]] = (
    (_is_standby, "25006"),
    (_is_out_of_reach, "08001"),
    (lambda error: isinstance(error, TimeoutError), "57014"),
    (lambda error: isinstance(error, ValueError), "22"),  # refused by the driver before it was sent
)


def is_ended_by_server(error: BaseException) -> bool:
    """Whether the server says that it ended the session in the middle of a statement (it was told to stop, or somebody
    ended that session). It does so where a statement can be undone, and never while or after it commits; one that has
    crashed says something else, or nothing."""
    return "57P01" in {state_of(error), state_of(error.__cause__) if error.__cause__ else ""}


def as_told(error: BaseException, place: str) -> EvercertError:
    """*error* as an error about the database at *place*; one of ours stays as it is."""
    if isinstance(error, EvercertError):
        return EvercertError(error.code.name, error.message, hint=error.hint, name=error.name)
    code, message, hint = _meaning(error)
    kind = type(error).__name__
    if not message:
        words = str(error.args[0])[:200] if state_of(error) and error.args else ""
        return EvercertError("store", f"{place} failed: {kind}: {words}".removesuffix(": "))
    return EvercertError(code, message.format(place=place, kind=kind), hint=hint)


def _meaning(error: BaseException) -> tuple[str, str, str]:
    state = state_of(error)
    for length in (5, 2):
        if state[:length] in _MEANINGS:
            return _MEANINGS[state[:length]]
    for is_so, alike in _ALIKE:
        if is_so(error):
            return _MEANINGS[alike]
    if isinstance(error, PermissionError):  # this machine's, before anybody was asked
        return "store", "what {place} is reached with may not be read by this user", _FILES
    return _MEANINGS["08"] if is_lost(error) else ("store", "", "")
