"""What a server of ours says while it runs: one line for each event, on standard error, as JSON or for people.

Whatever was in a record, a line has no control characters (a terminal obeys those, and a newline would begin an event
that never was), and an end. No secret comes here: `Secret` does not show itself, and records carry the fields below
and no others.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Final

from evercert.base.foreign import one_line

__all__ = ["FIELDS", "FORMATS", "LEVELS", "log_to_stderr"]

FORMATS: Final = ("text", "json")
LEVELS: Final = ("debug", "info", "warning", "error")

# What a record may carry beside its words, given as `extra`.
FIELDS: Final = (
    "code",
    "account",
    "order",
    "serial",
    "identifier",
    "challenge",
    "profile",
    "issuer",
    "problem",
    "peer",
    "method",
    "path",
    "status",
    "seconds",
    "octets",
)

_MESSAGE: Final = 2000
_FIELD: Final = 500
_TRACE_LINES: Final = 40


def log_to_stderr(form: str, level: str) -> None:
    """Afterwards this process's log goes there: ours from that level on, libraries' from warnings on."""
    written = logging.StreamHandler(sys.stderr)
    written.setFormatter(_Json() if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [written]
    root.setLevel(logging.WARNING)
    logging.getLogger("evercert").setLevel(level.upper())


class _Text(logging.Formatter):
    """`moment LEVEL logger: message (field=value ...)`; a traceback stands in marked lines below."""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        head = f"{_moment(record)} {record.levelname:<7} {record.name}: {_message(record)}"
        lines = [f"{head} ({fields})" if fields else head, *(f"  | {line}" for line in _trace(record))]
        return "\n".join(lines)


class _Json(logging.Formatter):
    """One object; `at`, `level`, `logger` and `message` are always there."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, object] = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            **_fields(record),
        }
        if trace := _trace(record):
            event["trace"] = trace
        return json.dumps(event)


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    try:
        return one_line(record.getMessage(), _MESSAGE)
    except (TypeError, ValueError):  # words and values that do not go together: a fault of ours that hides no event
        return one_line(str(record.msg), _MESSAGE)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    given = {name: _value(record.__dict__[name]) for name in FIELDS if name in record.__dict__}
    return {name: value for name, value in given.items() if value != ""}


def _value(given: object) -> int | float | str:
    return given if isinstance(given, int | float) else one_line(str(given), _FIELD)


def _trace(record: logging.LogRecord) -> list[str]:
    """The lines of a traceback, from its inner end."""
    if not record.exc_info or record.exc_info[1] is None:
        return []
    lines = "".join(traceback.format_exception(record.exc_info[1])).splitlines()
    return [one_line(line, _FIELD) for line in lines[-_TRACE_LINES:]]
