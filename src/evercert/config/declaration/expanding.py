"""From tables of certificates to intents: names expanded and checked, references followed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from evercert.acme.cas import most_names
from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.names import Identifier, parse_identifier
from evercert.config.declaration.declared import Declared
from evercert.config.declaration.drawing import drawn
from evercert.config.declaration.faults import Fault
from evercert.config.declaration.files import ListFile, Source, read_list
from evercert.config.declaration.gathering import Entry, Tables
from evercert.config.declaration.inheriting import Said, inherited, own
from evercert.config.declaration.origin import Origin
from evercert.config.declaration.parts import Cas, Rules, unproved
from evercert.config.declaration.patterns import expanded
from evercert.config.declaration.schema import CertificateTable, FreezeTable
from evercert.config.declaration.words import Moment, WindowText
from evercert.model.intent import CertificateIntent, RenewPolicy, TargetSpec
from evercert.model.terms import (
    LONGEST_NAME,
    MERGED,
    CaChoice,
    Criticality,
    Freeze,
    OnRemoval,
    Terms,
    is_printable_name,
)
from evercert.pki.key_type import KeyType

__all__ = ["Expanding"]

# What a CA takes of which that is not known: most take a hundred.
_USUAL_MOST = 100
# In what certificates have in common, what is used up when their CAs are drawn.
_WEIGHTS = "ca_weights"
# A name, a table or line, and where in that it was written.
_Written = tuple[str, Origin, tuple[str | int, ...]]


@dataclass(slots=True)
class Expanding:
    """Goes through the certificates once; `lists` are the files that it read on the way."""

    tables: Tables
    cas: Cas
    rules: Rules
    targets: Mapping[str, tuple[TargetSpec, Origin]]
    usual_ca: str
    home: Path
    faults: list[Fault]
    lists: dict[str, ListFile] = field(default_factory=dict)
    _seen: dict[str, Origin] = field(default_factory=dict)
    _known: dict[object, dict[str, Any] | None] = field(default_factory=dict)

    def certificates(self) -> Iterator[Declared]:
        for name, entry in self.tables.certificates.items():
            said = inherited(entry, self.tables, self.faults)
            shared = self._shared(own(entry.table), said)
            for called, written in self._called(name, entry):
                if certificate := self._declared(called, written, entry, said, shared):
                    yield certificate

    def _called(self, name: str, entry: Entry[CertificateTable]) -> Iterator[tuple[str | None, list[_Written]]]:
        """Each certificate of the table: its name (none if it is its first identifier's) and its names."""
        table, origin = entry.table, entry.origin
        if not (table.each or table.each_from):
            written = [*self._texts(table.names, origin, "names"), *self._words(table.names_from, origin, "names_from")]
            if written or not (table.names or table.names_from):
                yield name, written or [(name, origin, ())]
            return
        if table.names or table.names_from:
            hint = "each certificate has the names of its line: leave names and names_from out"
            self.faults.append(origin.fault("it says both names and each", hint, at_key=True))
        for text in self._texts(table.each, origin, "each"):
            yield None, [text]
        for words in self._lines(table.each_from, origin, "each_from"):
            yield None, words

    def _texts(self, texts: Iterable[str], origin: Origin, key: str) -> Iterator[_Written]:
        for number, text in enumerate(texts):
            inside = (key, number)
            try:
                for each in expanded(text):
                    yield each, origin, inside
            except EvercertError as error:
                self.faults.append(origin.fault(error.message, error.hint, inside=inside))

    def _words(self, named: str, origin: Origin, key: str) -> Iterator[_Written]:
        for words in self._lines(named, origin, key):
            yield from words

    def _lines(self, named: str, origin: Origin, key: str) -> Iterator[list[_Written]]:
        if not named or not isinstance(origin.source, Source):
            return
        try:
            file = read_list(origin.source, named)
        except EvercertError as error:
            self.faults.append(origin.fault(error.message, error.hint, inside=(key,)))
            return
        self.lists[file.name] = file
        listed = [*file.words()]
        if not listed:  # what another program was to write, perhaps: nothing is to be revoked because of that
            hint = "write one; where there is to be none, take the key out"
            self.faults.append(origin.fault(f"{one_line(named)} has no name in it", hint, inside=(key,)))
        for number, words in listed:
            line = Origin(file, (number,))
            yield [(word, line, (place,)) for place, word in enumerate(words)]

    def _declared(
        self,
        called: str | None,
        written: list[_Written],
        entry: Entry[CertificateTable],
        said: Said,
        shared: dict[str, Any] | None,
    ) -> Declared | None:
        identifiers = self._identifiers(written)
        if not identifiers:
            return None
        name, origin = (identifiers[0].base, _origin(written[0])) if called is None else (called, entry.origin)
        if not self._is_free(name, origin):
            return None
        rules = self.rules.of_names(identifiers)
        for identifier in unproved(identifiers, rules):
            hint = "write a [dns.NAME] with its provider and zone (docs/dns.md lists them)"
            self.faults.append(self._where(identifier, written).fault(_unproved(identifier), hint))
        if shared is None:
            return None
        values = _drawn(name, shared)
        self._check_number(identifiers, values, origin)
        intent = CertificateIntent(name=name, identifiers=identifiers, challenges=rules, **values)
        return Declared(intent, origin, said)

    def _identifiers(self, written: list[_Written]) -> tuple[Identifier, ...]:
        found: dict[Identifier, None] = {}
        for text, origin, inside in written:
            try:
                found[parse_identifier(text)] = None
            except EvercertError as error:
                is_called_so = not inside and isinstance(origin.source, Source)
                hint = "write its names = [...], or call it by its one name" if is_called_so else error.hint
                self.faults.append(origin.fault(error.message, hint, inside=inside, at_key=True))
        return tuple(found)

    def _where(self, identifier: Identifier, written: list[_Written]) -> Origin:
        """Where it was written; every text that is compared here was read before."""
        return next(_origin(each) for each in written if _reads_as(each[0], identifier))

    def _is_free(self, name: str, origin: Origin) -> bool:
        if not is_printable_name(name):
            words = f"a certificate cannot be called {one_line(name)[:60]!r}"
            hint = f"use printable characters, at most {LONGEST_NAME}"
            self.faults.append(origin.fault(words, hint, at_key=True))
            return False
        if name.startswith(MERGED):
            words = f"a certificate cannot be called {one_line(name)[:60]!r}: merged ones are called so"
            self.faults.append(origin.fault(words, "give it another name", at_key=True))
            return False
        if name in self._seen:
            words = f"there is a certificate {name!r} in {self._seen[name]} already"
            self.faults.append(origin.fault(words, "give one of them another name", at_key=True))
            return False
        self._seen[name] = origin
        return True

    def _check_number(self, identifiers: tuple[Identifier, ...], shared: Mapping[str, Any], origin: Origin) -> None:
        if len(identifiers) < 3:  # no CA takes fewer
            return
        most = most_names(shared["ca"], shared["profile"])
        if most and len(identifiers) > most:
            words = f"it has {len(identifiers)} names, and the CA takes {most}"
            self.faults.append(origin.fault(words, "make several certificates of it", at_key=True))

    def _shared(self, key: object, said: Said) -> dict[str, Any] | None:
        """What certificates have in common whose tables say the same, by that *key*; None where a CA or target is not
        right, which was told."""
        if key not in self._known:
            self._known[key] = self._intended({wish: value for wish, (value, _) in said.values().items()})
        return self._known[key]

    def _intended(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        choices, targets = self._choices(values["cas"], values["account"]), self._targets(values["targets"])
        if not choices or targets is None:
            return None
        lifetime = values["lifetime"]
        return {
            "ca": choices[0].directory,
            "account": choices[0].account,
            "key_type": values["key_type"] or KeyType.EC256,
            "reuse_key": bool(values["reuse_key"]),
            "profile": values["profile"] or "",
            "profile_required": bool(values["profile_required"]),
            "preferred_chain": values["preferred_chain"] or "",
            "lifetime": int(lifetime.value.total_seconds()) if lifetime else 0,
            "must_staple": bool(values["must_staple"]),
            "targets": targets,
            "renew": RenewPolicy(values["renew_at"], use_ari=values["ari"] is not False),
            "terms": _terms(values, choices),
            _WEIGHTS: values["ca_weights"] or (),
        }

    def _choices(self, words: tuple[str, ...] | None, account: str | None) -> tuple[CaChoice, ...]:
        """None of them where one is not right."""
        chosen: dict[CaChoice, None] = {}
        for word in (self.usual_ca,) if words is None else words:
            try:
                choice = self.cas.choice(word)
            except EvercertError:
                if words is None:  # a setting of the machine, not of the file
                    raise
                return ()
            if choice is None:
                return ()
            chosen[choice if account is None else CaChoice(choice.directory, account)] = None
        return tuple(chosen)

    def _targets(self, names: tuple[str, ...] | None) -> tuple[TargetSpec, ...] | None:
        if names is None:
            return (TargetSpec("files", {"dir": str(self.home)}),)
        if any(name not in self.targets for name in names):
            return None
        return tuple(self.targets[name][0] for name in names)


def _drawn(name: str, shared: Mapping[str, Any]) -> dict[str, Any]:
    """The same for one certificate, whose first CA is drawn where there are weights."""
    values = dict(shared)
    if weights := values.pop(_WEIGHTS):
        terms: Terms = values["terms"]
        choices = (CaChoice(values["ca"], values["account"]), *terms.further_cas)
        first, *further = drawn(name, choices, weights)
        values |= {"ca": first.directory, "account": first.account}
        values["terms"] = msgspec.structs.replace(terms, further_cas=tuple(further))
    return values


def _terms(values: Mapping[str, Any], choices: tuple[CaChoice, ...]) -> Terms:
    windows: tuple[WindowText, ...] = values["windows"] or ()
    freezes: tuple[FreezeTable, ...] = values["freezes"] or ()
    return Terms(
        owner=values["owner"] or "",
        tags=values["tags"] or (),
        criticality=values["criticality"] or Criticality.NORMAL,
        on_removal=values["on_removal"] or OnRemoval.KEEP,
        further_cas=choices[1:],
        windows=tuple(window.value for window in windows),
        freezes=tuple(Freeze(_moment(each.since), _moment(each.until), each.reason) for each in freezes),
        merge=_most_merged(values["merge"], choices, values["profile"] or "") if values["merge"] else 0,
    )


def _most_merged(said: bool | int, choices: tuple[CaChoice, ...], profile: str) -> int:
    """How many names a merged certificate may have: what was said, and what each of its CAs takes."""
    taken = min(most_names(choice.directory, profile) or _USUAL_MOST for choice in choices)
    return taken if said is True else min(said, taken)


def _moment(moment: Moment) -> Any:
    return moment.value


def _unproved(identifier: Identifier) -> str:
    return f"a wildcard ({identifier.value}) is proved by DNS alone, and no rule or account has its zone"


def _origin(written: _Written) -> Origin:
    _, origin, inside = written
    return Origin(origin.source, (*origin.path, *inside))


def _reads_as(text: str, identifier: Identifier) -> bool:
    try:
        return parse_identifier(text) == identifier
    except EvercertError:
        return False
