"""What a check found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Finding", "Severity", "note", "ok", "problem", "warning"]


class Severity(IntEnum):
    """Ordered, so that the worst of many is their `max`."""

    OK = 0
    NOTE = 1  # worth knowing; nothing to do
    WARNING = 2  # may fail, or will fail later
    PROBLEM = 3  # will fail

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` is a stable word for scripts; `what` and `hint` are lower-case clauses for people.
    A hint is there whenever there is something to do."""

    check: str
    severity: Severity
    what: str
    hint: str = ""


def ok(check: str, what: str) -> Finding:
    return Finding(check, Severity.OK, what)


def note(check: str, what: str, hint: str = "") -> Finding:
    return Finding(check, Severity.NOTE, what, hint)


def warning(check: str, what: str, hint: str) -> Finding:
    return Finding(check, Severity.WARNING, what, hint)


def problem(check: str, what: str, hint: str) -> Finding:
    return Finding(check, Severity.PROBLEM, what, hint)
