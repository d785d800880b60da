"""Defaults, policy, certificate: of each value the one that was said nearest, and where it was said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from evercert.config.declaration.declared import Origin
from evercert.config.declaration.faults import Fault, nearest
from evercert.config.declaration.gathering import Entry, Tables
from evercert.config.declaration.schema import CertificateTable, Wishes

__all__ = ["Said", "inherited"]

# A value as it was read, and where it was written; none where nobody says anything.
Said = Mapping[str, tuple[object, Origin | None]]

_WISHES: Final = tuple(field.name for field in msgspec.structs.fields(Wishes))


def inherited(entry: Entry[CertificateTable], tables: Tables, faults: list[Fault]) -> Said:
    """Every wish of the certificate. A policy that there is not goes to *faults*."""
    layers: list[Entry[Wishes]] = [entry, *_policy(entry, tables, faults)]
    if tables.defaults:
        layers.append(tables.defaults)
    return {wish: _nearest(wish, layers) for wish in _WISHES}


def _nearest(wish: str, layers: list[Entry[Wishes]]) -> tuple[object, Origin | None]:
    for layer in layers:
        value = getattr(layer.table, wish)
        if value is not None:
            return value, Origin(layer.origin.source, (*layer.origin.path, wish))
    return None, None


def _policy(entry: Entry[CertificateTable], tables: Tables, faults: list[Fault]) -> Iterator[Entry[Wishes]]:
    says = entry if entry.table.policy is not None else tables.defaults
    if says is None or says.table.policy is None:
        return
    name, origin = says.table.policy, says.origin
    if policy := tables.policies.get(name):
        yield Entry(policy.table, policy.origin)
    elif name not in tables.named["policies"]:
        words = f"there is no policy {name[:60]!r}"
        faults.append(
            origin.fault(
                words, nearest(name, tables.named["policies"]) or f"write a [policies.{name[:60]}]", inside=("policy",)
            )
        )
