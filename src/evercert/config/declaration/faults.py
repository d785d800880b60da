"""What is wrong in a declaration: each fault with its place and what to write instead, all of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line

__all__ = ["Fault", "Faulty", "nearest"]

_KNOWN = 8


class Fault(msgspec.Struct, frozen=True, order=True):
    """One fault; line and column count from one."""

    file: str
    line: int
    column: int
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        about = f"{self.key}: " if self.key else ""
        return f"{self.file}:{self.line}:{self.column}: {about}{self.message}"


class Faulty(EvercertError):
    """A declaration that is not right. Its own class because whoever shows it shows each fault."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        first, count = self.faults[0], len(self.faults)
        words = str(first) if count == 1 else f"{first}, and {count - 1} more {'fault' if count == 2 else 'faults'}"
        super().__init__("bad-input", words, hint=first.hint)


def nearest(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """The hint for a word that is none of those that are known; *otherwise* it is that, where none is like it."""
    words = list(known)
    if close := get_close_matches(one_line(word), words, 1):
        return f"did you mean {close[0]!r}?"
    if otherwise:
        return otherwise
    return f"known are {', '.join(words[:_KNOWN])}{' and more' if len(words) > _KNOWN else ''}" if words else ""
