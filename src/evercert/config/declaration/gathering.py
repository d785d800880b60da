"""The tables of all files together: each name once, whichever file it stands in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import msgspec

from evercert.config.declaration.faults import Fault
from evercert.config.declaration.files import Source
from evercert.config.declaration.origin import Origin
from evercert.config.declaration.schema import (
    CaTable,
    CertificateTable,
    ChallengeTable,
    DeclarationFile,
    DefaultsTable,
    DnsTable,
    HookTable,
    PolicyTable,
    TargetTable,
)
from evercert.config.declaration.shape import shaped
from evercert.config.places import Path

__all__ = ["Entry", "Tables", "gathered"]

T_co = TypeVar("T_co", covariant=True)

_NAMED: Final = ("cas", "dns", "policies", "targets", "certificates", "hooks")


class Entry(msgspec.Struct, Generic[T_co], frozen=True):
    """A table and where it stands."""

    table: T_co
    origin: Origin


@dataclass(slots=True)
class Tables:
    """By name, in the order of the files. `named` has every name that was written, also of tables that are not right:
    who refers to one of these is not told that there is none."""

    defaults: Entry[DefaultsTable] | None = None
    cas: dict[str, Entry[CaTable]] = field(default_factory=dict)
    dns: dict[str, Entry[DnsTable]] = field(default_factory=dict)
    challenges: list[Entry[ChallengeTable]] = field(default_factory=list)
    policies: dict[str, Entry[PolicyTable]] = field(default_factory=dict)
    targets: dict[str, Entry[TargetTable]] = field(default_factory=dict)
    certificates: dict[str, Entry[CertificateTable]] = field(default_factory=dict)
    hooks: dict[str, Entry[HookTable]] = field(default_factory=dict)
    named: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in _NAMED})


def gathered(sources: Sequence[Source], faults: list[Fault]) -> Tables:
    """The tables that are right; what is wrong in others goes to *faults*."""
    tables = Tables()
    for source in sources:
        _add(tables, source, _shaped(source, faults), faults)
    return tables


def _shaped(source: Source, faults: list[Fault]) -> DeclarationFile:
    def report(path: Path, message: str, hint: str = "", *, at_key: bool = False) -> None:
        faults.append(Origin(source, path).fault(message, hint, at_key=at_key))

    return shaped(source.document, DeclarationFile, report)


def _add(tables: Tables, source: Source, file: DeclarationFile, faults: list[Fault]) -> None:
    if "defaults" in source.document:
        entry = Entry(file.defaults, Origin(source, ("defaults",)))
        if tables.defaults:
            faults.append(
                entry.origin.fault(
                    f"there are defaults in {tables.defaults.origin} already", "keep one [defaults]", at_key=True
                )
            )
        else:
            tables.defaults = entry
    numbers = _indexes(source.document.get("challenges"), len(file.challenges))
    for number, table in zip(numbers, file.challenges, strict=False):
        tables.challenges.append(Entry(table, Origin(source, ("challenges", number))))
    for kind in _NAMED:
        _add_named(tables, kind, source, getattr(file, kind), faults)


def _indexes(written: Any, count: int) -> Iterator[int]:
    """The numbers of the elements; where some were not right, the others cannot be told apart and have none."""
    return iter(range(count)) if isinstance(written, list) and len(written) == count else iter(())


def _add_named(tables: Tables, kind: str, source: Source, found: Mapping[str, Any], faults: list[Fault]) -> None:
    written = source.document.get(kind)
    tables.named[kind].update(written if isinstance(written, dict) else ())
    known: dict[str, Entry[Any]] = getattr(tables, kind)
    for name, table in found.items():
        entry = Entry(table, Origin(source, (kind, name)))
        if name in known:
            words = f"there is one of that name in {known[name].origin} already"
            faults.append(entry.origin.fault(words, "give one of them another name", at_key=True))
        else:
            known[name] = entry
