"""Identical needs are met by one certificate. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import msgspec

from evercert.config.declaration.declared import Declared
from evercert.engine.declaring.wanted import Wanted, installed_for
from evercert.model.intent import CertificateIntent
from evercert.store.columns import to_text

__all__ = ["shared"]


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
        targets, installed_as = installed_for(other.intent for other in others)
        terms = msgspec.structs.replace(intent.terms, installed_as=installed_as)
        intent = msgspec.structs.replace(intent, targets=(*intent.targets, *targets), terms=terms)
    return Wanted.of(intent, declared, others)
