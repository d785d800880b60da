"""Defaults, policy, certificate: of each value the one that was said nearest, and where it was said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from evercert.config.declaration.faults import Fault, nearest
from evercert.config.declaration.gathering import Entry, Tables
from evercert.config.declaration.origin import Origin
from evercert.config.declaration.schema import CertificateTable, Wishes

__all__ = ["Said", "inherited", "own"]

_WISHES: Final = tuple(field.name for field in msgspec.structs.fields(Wishes))


class Said(NamedTuple):
    """All that is said of a table's certificates: by the table, by its policy if it has one, by the defaults if there
    are any. Of every wish the first of them that says it counts."""

    layers: tuple[Entry[Wishes], ...]

    def values(self) -> Mapping[str, tuple[object, Origin | None]]:
        """Each wish as it was read, and where it was written; neither where nobody says anything."""
        return {wish: self._nearest(wish) for wish in _WISHES}

    def _nearest(self, wish: str) -> tuple[object, Origin | None]:
        for layer in self.layers:
            value = getattr(layer.table, wish)
            if value is not None:
                return value, Origin(layer.origin.source, (*layer.origin.path, wish))
            if wish == "ca_weights" and layer.table.cas is not None:
                break  # whoever says other CAs does not mean them with the weights of those that he replaces
        return None, None


def own(table: CertificateTable) -> tuple[object, ...]:
    """Equal for tables that say the same of what they could inherit."""
    return table.policy, *msgspec.structs.astuple(table)[: len(_WISHES)]


def inherited(entry: Entry[CertificateTable], tables: Tables, faults: list[Fault]) -> Said:
    """What is said of the table's certificates. A policy that there is not goes to *faults*."""
    layers: list[Entry[Wishes]] = [entry]
    if policy := _policy(entry, tables, faults):
        layers.append(policy)
    if tables.defaults:
        layers.append(tables.defaults)
    return Said(tuple(layers))


def _policy(entry: Entry[CertificateTable], tables: Tables, faults: list[Fault]) -> Entry[Wishes] | None:
    says = entry if entry.table.policy is not None else tables.defaults
    if says is None or says.table.policy is None:
        return None
    name, origin = says.table.policy, says.origin
    if name not in tables.named["policies"]:
        words = f"there is no policy {name[:60]!r}"
        faults.append(
            origin.fault(
                words, nearest(name, tables.named["policies"]) or f"write a [policies.{name[:60]}]", inside=("policy",)
            )
        )
    return tables.policies.get(name)
