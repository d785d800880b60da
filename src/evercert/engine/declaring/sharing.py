"""Identical needs are met by one certificate. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from evercert.config.declaration.declared import Declared
from evercert.model.intent import CertificateIntent, TargetSpec
from evercert.store.columns import to_text

__all__ = ["Wanted", "shared"]


class Wanted(NamedTuple):
    """A certificate as it is to be: its intent, the digest of that, where it is declared, and which other declared
    certificates it is as well."""

    intent: CertificateIntent
    digest: str
    declared: Declared
    also: tuple[str, ...] = ()


def shared(certificates: Sequence[Declared], existing: Collection[str]) -> Iterator[Wanted]:
    """What is to be, in order. A certificate that exists stays itself; one that does not, and needs what another one
    is (all but its name and targets), is that one, which is then installed in the targets of both."""
    joined: defaultdict[str, list[Declared]] = defaultdict(list)
    joining: set[str] = set()
    for group in _groups(certificates):
        there = [each for each in group if each.intent.name in existing]
        bearer = (there or group)[0]
        for each in group:
            if each is not bearer and each not in there:
                joined[bearer.intent.name].append(each)
                joining.add(each.intent.name)
    for declared in certificates:
        if declared.intent.name not in joining:
            yield _wanted(declared, joined.get(declared.intent.name, ()))


def _groups(certificates: Sequence[Declared]) -> Iterator[list[Declared]]:
    """Those of equal needs, where there are several. Few have equal names, so that little is compared."""
    by_names: defaultdict[tuple[str, ...], list[Declared]] = defaultdict(list)
    for declared in certificates:
        by_names[tuple(sorted([each.value for each in declared.intent.identifiers]))].append(declared)
    for several in by_names.values():
        if len(several) > 1:
            by_need: defaultdict[str, list[Declared]] = defaultdict(list)
            for declared in several:
                by_need[_need(declared.intent)].append(declared)
            yield from (group for group in by_need.values() if len(group) > 1)


def _need(intent: CertificateIntent) -> str:
    names = tuple(sorted(intent.identifiers))
    return to_text(msgspec.structs.replace(intent, name="", targets=(), identifiers=names))


def _wanted(declared: Declared, others: Sequence[Declared]) -> Wanted:
    intent = declared.intent
    if others:
        targets, installed_as = list(intent.targets), {}
        for other in others:
            for spec in other.intent.targets:
                label = f"{other.intent.name}/{spec.key}"
                targets.append(TargetSpec(spec.plugin, spec.options, label))
                installed_as[label] = other.intent.name
        terms = msgspec.structs.replace(intent.terms, installed_as=installed_as)
        intent = msgspec.structs.replace(intent, targets=tuple(targets), terms=terms)
    digest = blake2b(to_text(intent).encode(), digest_size=16).hexdigest()
    return Wanted(intent, digest, declared, tuple(other.intent.name for other in others) if others else ())
