"""Where something was written."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from evercert.base.foreign import one_line
from evercert.config.declaration.faults import Fault
from evercert.config.declaration.files import Placed
from evercert.config.places import Path

__all__ = ["Origin"]

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


class Origin(msgspec.Struct, frozen=True):
    """Where something was written; its line is looked up when it is shown."""

    source: Placed
    path: Path

    def __str__(self) -> str:
        place = self.source.place(self.path, at_key=True)
        return f"{self.source.name}:{place.line}:{place.column}"

    @property
    def key(self) -> str:
        """The path as it would be written."""
        return ".".join(_written(part) for part in self.path if isinstance(part, str))

    def fault(self, message: str, hint: str = "", *, inside: Path = (), at_key: bool = False) -> Fault:
        """A fault there, or at a path *inside* of it."""
        path = (*self.path, *inside)
        line, column = self.source.place(path, at_key=at_key)
        return Fault(self.source.name, line, column, Origin(self.source, path).key, message, hint)


def _written(part: str) -> str:
    return part if _BARE.fullmatch(part) else f'"{one_line(part, 100)}"'
