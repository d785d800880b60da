"""Small certificates of one kind are merged into few, where their policy says so. Pure.

Rules of this file:

* Who is in a merged certificate stays there: another one that comes or goes changes that one alone.
* Of one kind are those that want the same of everything but their names, their rules' patterns and where they are
  installed; a server, through which names may be proved, they have in common.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from evercert.base.names import Identifier
from evercert.config.declaration.declared import Declared
from evercert.engine.declaring.wanted import Wanted, installed_for
from evercert.model.intent import CertificateIntent, ChallengeRule
from evercert.model.terms import MERGED
from evercert.store.columns import to_text

__all__ = ["may_merge", "merged"]

# What two certificates must have in common: a text for all that is compared, and the ways in which they are proved.
_Kind = tuple[str, frozenset[str]]

# Targets through which no name is proved.
_NO_SERVERS: Final = frozenset({"files", "exec"})


def may_merge(declared: Declared) -> bool:
    """Whether it may share a certificate, and is small enough to."""
    return 0 < len(declared.intent.identifiers) <= declared.intent.terms.merge


def merged(
    certificates: Sequence[Declared],
    groups: Mapping[str, CertificateIntent],
    taken: Collection[str],
    rules_of: Callable[[Sequence[Identifier]], tuple[ChallengeRule, ...]],
) -> Iterator[Wanted]:
    """The merged certificates that these become. *groups* are those that there are, *taken* the names of all
    certificates that there are."""
    for group in _filled(certificates, groups, taken):
        yield group.wanted(rules_of)


@dataclass(slots=True)
class _Group:
    """A merged certificate that is being put together."""

    name: str
    kind: _Kind
    most: int
    members: list[Declared] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def has_room_for(self, declared: Declared) -> bool:
        return len(self.names.union(_values(declared))) <= self.most

    def add(self, declared: Declared) -> None:
        self.members.append(declared)
        self.names.update(_values(declared))

    def wanted(self, rules_of: Callable[[Sequence[Identifier]], tuple[ChallengeRule, ...]]) -> Wanted:
        # In an order that tells nothing of how it came about, so that the same members are the same certificate.
        members = sorted(self.members, key=lambda declared: declared.intent.name)
        identifiers = tuple(dict.fromkeys(name for each in members for name in each.intent.identifiers))
        targets, installed_as = installed_for([each.intent for each in members])
        terms = msgspec.structs.replace(
            members[0].intent.terms,
            installed_as=installed_as,
            members={each.intent.name: tuple(_values(each)) for each in members},
        )
        intent = msgspec.structs.replace(
            members[0].intent,
            name=self.name,
            identifiers=identifiers,
            challenges=rules_of(identifiers),
            targets=tuple(targets),
            terms=terms,
        )
        return Wanted.of(intent, members[0], members)


def _filled(
    certificates: Sequence[Declared], groups: Mapping[str, CertificateIntent], taken: Collection[str]
) -> Sequence[_Group]:
    kinds = {declared.intent.name: _kind(declared.intent) for declared in certificates}
    filled = _staying({declared.intent.name: declared for declared in certificates}, kinds, groups)
    placed = {declared.intent.name for group in filled for declared in group.members}
    newcomers = [declared for declared in certificates if declared.intent.name not in placed]
    with_room: defaultdict[_Kind, list[_Group]] = defaultdict(list)
    for group in filled:
        with_room[group.kind].append(group)
    names = {*taken, *groups}
    # The large ones first: that leaves the fewest gaps.
    for declared in sorted(newcomers, key=lambda declared: -len(declared.intent.identifiers)):
        kind = kinds[declared.intent.name]
        fitting = next((each for each in with_room[kind] if each.has_room_for(declared)), None)
        if fitting is None:
            fitting = _Group(_free_name(declared.intent.name, names), kind, declared.intent.terms.merge)
            names.add(fitting.name)
            filled.append(fitting)
            with_room[kind].append(fitting)
        fitting.add(declared)
        if len(fitting.names) >= fitting.most:
            with_room[kind].remove(fitting)
    return filled


def _staying(
    by_name: Mapping[str, Declared], kinds: Mapping[str, _Kind], groups: Mapping[str, CertificateIntent]
) -> list[_Group]:
    """The groups that there are, with those of their members that still belong together: the most of one kind."""
    staying: list[_Group] = []
    placed: set[str] = set()
    for name, intent in sorted(groups.items()):
        of_kind: defaultdict[_Kind, list[Declared]] = defaultdict(list)
        for member in intent.terms.members:
            if member in by_name and member not in placed:
                of_kind[kinds[member]].append(by_name[member])
        if not of_kind:
            continue
        kind, members = max(of_kind.items(), key=lambda each: len(each[1]))
        group = _Group(name, kind, members[0].intent.terms.merge)
        for declared in members:
            if group.has_room_for(declared):
                group.add(declared)
                placed.add(declared.intent.name)
        staying.append(group)
    return staying


def _kind(intent: CertificateIntent) -> _Kind:
    servers = tuple(spec for spec in intent.targets if spec.plugin not in _NO_SERVERS)
    rest = msgspec.structs.replace(intent, name="", identifiers=(), challenges=(), targets=servers)
    ways = frozenset(to_text((rule.type, rule.solver, rule.options)) for rule in intent.challenges)
    return to_text(rest), ways


def _free_name(member: str, taken: Collection[str]) -> str:
    """It is called after the one that it began with."""
    name, number = f"{MERGED}{member}", 1
    while name in taken:
        number += 1
        name = f"{MERGED}{member}:{number}"
    return name


def _values(declared: Declared) -> list[str]:
    return [identifier.value for identifier in declared.intent.identifiers]
