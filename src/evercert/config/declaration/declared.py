"""What a declaration says, once it is right: intents, and where each of their values was written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from evercert.base.foreign import one_line
from evercert.config.declaration.faults import Fault
from evercert.config.declaration.files import Placed
from evercert.config.places import Path
from evercert.model.access import CaAccess
from evercert.model.intent import CertificateIntent, ChallengeRule, TargetSpec

__all__ = ["Declaration", "Declared", "Origin"]

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Origin:
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


@dataclass(frozen=True, slots=True)
class Declared:
    """One certificate. `values` holds what was said (as it was written) and what was not (by default), with where it
    was said; all of one table share it."""

    intent: CertificateIntent
    origin: Origin
    values: Mapping[str, tuple[object, Origin | None]]


@dataclass(frozen=True, slots=True)
class Declaration:
    """The whole. `lists` are the further files that it was read from; `digest` stands for all that it depends on."""

    certificates: tuple[Declared, ...]
    cas: tuple[tuple[CaAccess, Origin], ...]
    rules: tuple[tuple[ChallengeRule, Origin], ...]
    targets: tuple[tuple[TargetSpec, Origin], ...]
    lists: tuple[str, ...]
    digest: str
