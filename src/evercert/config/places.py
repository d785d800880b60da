"""Where each key and value of a TOML text stands; `tomli`, which reads the values, does not say.

The text has been read by `tomli` before, so it is TOML; this only finds its tokens. Nobody waits for it: it is
asked once something is to be told of a place.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import tomli

__all__ = ["Path", "Place", "Places", "find_places"]

# Keys, and numbers of an array's elements.
Path = tuple[str | int, ...]


class Place(NamedTuple):
    """Both count from one; the column counts characters."""

    line: int
    column: int


class Places(NamedTuple):
    """Where keys stand, and where their values begin."""

    keys: Mapping[Path, Place]
    values: Mapping[Path, Place]

    def of_key(self, path: Path) -> Place:
        """Where that key stands, or an element of an array; of what the text does not have, what would hold it."""
        return self._nearest(path, self.keys, self.values)

    def of_value(self, path: Path) -> Place:
        """The same of the value."""
        return self._nearest(path, self.values, self.keys)

    def _nearest(self, path: Path, first: Mapping[Path, Place], second: Mapping[Path, Place]) -> Place:
        if found := first.get(path) or second.get(path):
            return found
        return self._nearest(path[:-1], self.keys, self.values) if path else Place(1, 1)


_SPACE: Final = re.compile(r"[ \t]*")
_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR: Final = re.compile(r"[^,\]}#\r\n]+")
# The long ones first; up to two quotation marks may stand before the three that end it.
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?""""{0,2}'
    r"|'''.*?''''{0,2}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


def find_places(text: str) -> Places:
    """The places of all keys and values of TOML that has been read."""
    scanner = _Scanner(text)
    for _ in scanner.statements():
        pass
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    return Places(
        {path: _place(offset, starts) for path, offset in scanner.keys.items()},
        {path: _place(offset, starts) for path, offset in scanner.values.items()},
    )


def _place(offset: int, starts: list[int]) -> Place:
    line = bisect_right(starts, offset)
    return Place(line, offset - starts[line - 1] + 1)


class _Scanner:
    """Goes through the text once."""

    def __init__(self, text: str) -> None:
        self.keys: dict[Path, int] = {}
        self.values: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._table: Path = ()
        # How many elements each array of tables has.
        self._lengths: dict[Path, int] = {}

    def statements(self) -> Iterator[None]:
        """Each turn reads one header or one key with its value."""
        self._pass(_BLANK)
        while self._at < len(self._text):
            if self._next() == "[":
                self._header()
            else:
                self._pair(self._table)
            yield
            self._pass(_BLANK)

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _pass(self, what: re.Pattern[str]) -> str:
        found = what.match(self._text, self._at)
        if found is None:
            self._at = len(self._text)  # not TOML after all: the places so far must do
            return ""
        self._at = found.end()
        return found[0]

    def _header(self) -> None:
        repeated = self._text.startswith("[[", self._at)
        self._at += 2 if repeated else 1
        path: Path = ()
        for key, offset in self._dotted():
            path = self._opened(path)
            path += (key,)
            self.keys.setdefault(path, offset)
        if repeated:
            self._lengths[path] = self._lengths.get(path, 0) + 1
            path += (self._lengths[path] - 1,)
            self.values[path] = self.keys[path] = offset
        self._table = self._opened(path)
        self._at += 2 if repeated else 1

    def _opened(self, path: Path) -> Path:
        """The last element, where *path* is an array of tables."""
        return (*path, self._lengths[path] - 1) if path in self._lengths else path

    def _dotted(self) -> Iterator[tuple[str, int]]:
        while self._at < len(self._text):
            self._pass(_SPACE)
            yield self._key()
            self._pass(_SPACE)
            if self._next() != ".":
                return
            self._at += 1

    def _key(self) -> tuple[str, int]:
        offset = self._at
        if self._next() not in {'"', "'"}:
            return self._pass(_BARE), offset
        quoted = self._pass(_STRING)
        ((key, _),) = tomli.loads(f"{quoted}=0").items() if quoted else [("", 0)]
        return key, offset

    def _pair(self, table: Path) -> None:
        path = table
        for key, offset in self._dotted():
            path += (key,)
            self.keys.setdefault(path, offset)
        self._at += 1  # the equals sign
        self._pass(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        self.values[path] = self._at
        match self._next():
            case '"' | "'":
                self._pass(_STRING)
            case "[":
                self._array(path)
            case "{":
                self._inline(path)
            case _:
                self._pass(_SCALAR)

    def _array(self, path: Path) -> None:
        self._at += 1
        for index in range(len(self._text)):
            if self._ends("]"):
                return
            self._value((*path, index))

    def _inline(self, path: Path) -> None:
        self._at += 1
        while not self._ends("}"):
            self._pair(path)

    def _ends(self, bracket: str) -> bool:
        """Whether it ends here; what stands between two elements is passed over."""
        self._pass(_BLANK)
        if self._next() == ",":
            self._at += 1
            self._pass(_BLANK)
        if self._next() == bracket or self._at >= len(self._text):
            self._at += 1
            return True
        return False
