"""What certificates refer to: CAs, targets, and the rules by which names are proved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path

from evercert.acme.cas import KNOWN_CAS, find_ca
from evercert.acme.foreign import checked_url
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier, parse_identifier
from evercert.config.declaration.faults import Fault, nearest
from evercert.config.declaration.gathering import Entry, Tables
from evercert.config.declaration.origin import Origin
from evercert.config.declaration.schema import CaTable, DnsTable, LimitsTable, Option, TargetTable
from evercert.config.references import is_reference
from evercert.model.access import CaAccess, OwnLimit, Registration
from evercert.model.intent import ChallengeRule, TargetSpec
from evercert.model.terms import CaChoice

__all__ = ["Cas", "Rules", "target_specs", "unproved"]

_BY_ITSELF = ChallengeRule("http-01", "auto")

# What is said of a CA and not of an account there.
_WAY = ("roots", "proxy", "allow_http", "ip", "concurrency", "limits")
_UNSAID = CaTable()


def _texts(options: Mapping[str, Option]) -> dict[str, str]:
    """A plugin's fields as it takes them."""
    return {name: _text(value) for name, value in options.items()}


def _text(value: Option) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def target_specs(tables: Mapping[str, Entry[TargetTable]]) -> dict[str, tuple[TargetSpec, Origin]]:
    """Each target under its name."""
    return {
        name: (TargetSpec(entry.table.plugin, _texts(entry.table.options), name), entry.origin)
        for name, entry in tables.items()
    }


class Cas:
    """The CAs by name, and how each is reached; as whom further accounts at one of them register."""

    def __init__(self, tables: Tables, faults: list[Fault]) -> None:
        self.registrations: list[tuple[Registration, Origin]] = []
        self._accesses: dict[str, tuple[CaAccess, Entry[CaTable]]] = {}
        self._named = tables.named["cas"]
        self._choices: dict[str, CaChoice] = {}
        self._origins: dict[CaChoice, Origin] = {}
        for name, entry in tables.cas.items():
            access = _access(name, entry, faults)
            if access is not None:
                self._choices[name] = choice = CaChoice(access.directory, entry.table.account)
                self._add(access, choice, entry, faults)

    @property
    def accesses(self) -> Sequence[tuple[CaAccess, Origin]]:
        return [(access, entry.origin) for access, entry in self._accesses.values()]

    def _add(self, access: CaAccess, choice: CaChoice, entry: Entry[CaTable], faults: list[Fault]) -> None:
        other = self._origins.setdefault(choice, entry.origin)
        if other is not entry.origin:
            words = f"its directory and account are those of {other.key} in {other}"
            faults.append(entry.origin.fault(words, "give one of them another account", at_key=True))
            return
        first, written = self._accesses.setdefault(access.directory, (access, entry))
        if written is entry:
            return
        faults += _ways_apart(written, entry)
        own = Registration(
            choice.account,
            access.contacts,
            access.eab_kid,
            access.eab_key,
            access.eab_algorithm,
            access.account_key,
        )
        self._accesses[access.directory] = first.saying(own), written
        self.registrations.append((own, entry.origin))

    def choice(self, word: str) -> CaChoice | None:
        """The CA that is meant; None for one whose own table is not right. Raises `not-found`, `insecure-url` and
        `bad-input`."""
        if word in self._named:
            return self._choices.get(word)
        if "://" in word:
            return CaChoice(_usable(word, allow_http=False))
        try:
            return CaChoice(find_ca(word))
        except EvercertError as error:
            words = [*sorted(self._named), *(ca.id for ca in KNOWN_CAS)]
            error.hint = nearest(word, words)
            raise


def _ways_apart(first: Entry[CaTable], further: Entry[CaTable]) -> Iterator[Fault]:
    """There is one way to a CA, for all accounts there: written with the first of them."""
    for key in _WAY:
        said = getattr(further.table, key)
        if said not in (getattr(_UNSAID, key), getattr(first.table, key)):
            words = f"that is said of all accounts there by {first.origin.key} in {first.origin}"
            yield further.origin.fault(words, f"write {key} there", inside=(key,))


def _usable(directory: str, *, allow_http: bool) -> str:
    if not (allow_http or directory.startswith("https://")):
        hint = "write its https URL; for a CA without TLS that only you can reach, a [cas.*] with allow_http = true"
        raise EvercertError("insecure-url", "the CA's directory is not at an https URL", hint=hint)
    try:
        return checked_url(directory, directory=directory, allow_http=allow_http)
    except EvercertError:
        hint = "write https://host/directory"
        raise EvercertError("bad-input", "it is no URL of an ACME directory", hint=hint) from None


def _access(name: str, entry: Entry[CaTable], faults: list[Fault]) -> CaAccess | None:
    table, origin = entry.table, entry.origin
    before = len(faults)
    if bool(table.eab_kid) != bool(table.eab_key):
        faults.append(origin.fault("eab_kid and eab_key belong together", "the CA gives both", at_key=True))
    if table.eab_key and not is_reference(table.eab_key):
        hint = "write env:NAME, file:/path, cred:NAME or exec:/path/to/program"
        faults.append(origin.fault("a secret is given by reference, not written out", hint, inside=("eab_key",)))
    if table.account_key.value.startswith("mldsa"):
        words = "CAs take no such key for an account"
        faults.append(origin.fault(words, "did you mean 'ec256'?", inside=("account_key",)))
    directory = table.directory or name
    try:
        directory = _usable(find_ca(directory), allow_http=table.allow_http)
    except EvercertError as error:
        inside = ("directory",) if table.directory else ()
        hint = error.hint or ""
        faults.append(origin.fault(error.message, hint, inside=inside, at_key=not inside))
    return None if len(faults) > before else _as_access(table, directory)


def _as_access(table: CaTable, directory: str) -> CaAccess:
    return CaAccess(
        directory,
        roots=str(Path(table.roots).absolute()) if table.roots else "",
        allow_http=table.allow_http,
        proxy=table.proxy,
        family=table.ip or 0,
        contacts=tuple(f"mailto:{mail.removeprefix('mailto:')}" for mail in table.contacts),
        eab_kid=table.eab_kid,
        eab_key=table.eab_key,
        eab_algorithm=table.eab_algorithm,
        account_key=table.account_key,
        limits=tuple(_own_limits(table.limits)) if table.limits else (),
        concurrency=table.concurrency or 0,
    )


def _own_limits(table: LimitsTable) -> Iterator[OwnLimit]:
    for word in table.__struct_fields__:
        if limit := getattr(table, word):
            yield OwnLimit(word, limit.count, int(limit.period.total_seconds()))


@dataclass(slots=True)
class Rules:
    """How names are proved: the rules that were written, then the accounts at DNS providers by zone, then port 80."""

    all: list[tuple[ChallengeRule, Origin]] = field(default_factory=list)
    _written: list[tuple[re.Pattern[str], ChallengeRule]] = field(default_factory=list)
    _zones: dict[str, tuple[ChallengeRule, ChallengeRule]] = field(default_factory=dict)

    @classmethod
    def of(cls, tables: Tables, faults: list[Fault]) -> Rules:
        rules = cls()
        for entry in tables.challenges:
            table = entry.table
            rule = ChallengeRule(table.type, table.solver, _texts(table.options), table.match)
            rules.all.append((rule, entry.origin))
            rules._written.append((re.compile(translate(table.match)), rule))
        seen: dict[str, Origin] = {}
        for account in tables.dns.values():
            rules._add_zones(account, seen, faults)
        return rules

    def _add_zones(self, entry: Entry[DnsTable], seen: dict[str, Origin], faults: list[Fault]) -> None:
        table, origin = entry.table, entry.origin
        at_once = {} if table.concurrency is None else {"concurrency": str(table.concurrency)}
        options = _texts(table.options) | at_once
        self.all.append((ChallengeRule(table.challenge, table.provider, options), origin))
        for number, written in enumerate(table.zones):
            inside = ("zones", number)
            try:
                zone = parse_identifier(written)
            except EvercertError as error:
                faults.append(origin.fault(error.message, error.hint, inside=inside))
                continue
            if zone.type != "dns" or zone.wildcard:
                faults.append(origin.fault(f"{written[:100]!r} is no zone", "write example.com", inside=inside))
            elif zone.value in seen:
                faults.append(
                    origin.fault(f"that zone is in {seen[zone.value]} already", "give it one account", inside=inside)
                )
            else:
                seen[zone.value] = Origin(origin.source, (*origin.path, *inside))
                at, below = (
                    ChallengeRule(table.challenge, table.provider, options, match)
                    for match in (zone.value, f"*.{zone.value}")
                )
                self._zones[zone.value] = (at, below)

    def of_names(self, identifiers: Sequence[Identifier]) -> tuple[ChallengeRule, ...]:
        """Those that a certificate for these needs, in order."""
        if not self._written and not self._zones:
            return (_BY_ITSELF,)
        values = [identifier.value for identifier in identifiers]
        zones = [*map(self._by_zone, identifiers)]
        rules = [rule for pattern, rule in self._written if any(map(pattern.match, values))]
        by_match = {rule.match: rule for rule in zones if rule}
        rules += sorted(by_match.values(), key=lambda rule: len(rule.match), reverse=True)
        covered = all(zone or self._is_written(value) for zone, value in zip(zones, values, strict=True))
        return tuple(rules) if covered else (*rules, _BY_ITSELF)

    def _is_written(self, value: str) -> bool:
        return any(pattern.match(value) for pattern, _ in self._written)

    def _by_zone(self, identifier: Identifier) -> ChallengeRule | None:
        if identifier.type != "dns":
            return None
        name = identifier.base
        while name not in self._zones:
            _, dot, name = name.partition(".")
            if not dot:
                return None
        at, below = self._zones[name]
        return at if identifier.value == name else below


def unproved(identifiers: Iterable[Identifier], rules: Sequence[ChallengeRule]) -> list[Identifier]:
    """The wildcards among them for which there is no challenge by DNS, which alone proves them."""
    wildcards = [identifier for identifier in identifiers if identifier.wildcard]
    if not wildcards:
        return []
    by_dns = [rule for rule in rules if rule.type.startswith("dns-")]
    return [each for each in wildcards if not any(_fits(rule, each.value) for rule in by_dns)]


def _fits(rule: ChallengeRule, value: str) -> bool:
    return rule.match == "*" or bool(re.match(translate(rule.match), value))
