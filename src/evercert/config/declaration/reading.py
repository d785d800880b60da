"""The whole way from files to a declaration: all of it is right, or all that is wrong in it is told."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from evercert import __version__
from evercert.config.declaration.declared import Declaration
from evercert.config.declaration.expanding import Expanding
from evercert.config.declaration.faults import Fault, Faulty
from evercert.config.declaration.files import digest_of, octets_of, parsed
from evercert.config.declaration.gathering import gathered
from evercert.config.declaration.hooks import hooks_of
from evercert.config.declaration.layers import layer_faults
from evercert.config.declaration.parts import Cas, Rules, target_specs
from evercert.config.settings import Settings

__all__ = ["current_digest", "read_declaration"]


def read_declaration(place: Path, settings: Settings) -> Declaration:
    """What the file, or the folder's files, declare. Raises `Faulty` with every fault, and `not-found`."""
    octets = octets_of(place)
    faults: list[Fault] = []
    tables = gathered(parsed(octets), faults)
    cas, rules, targets = Cas(tables, faults), Rules.of(tables, faults), target_specs(tables.targets)
    faults += layer_faults(tables, cas)
    expanding = Expanding(tables, cas, rules, targets, settings.ca, settings.home, faults)
    certificates, hooks = tuple(expanding.certificates()), tuple(hooks_of(tables.hooks, faults))
    if faults:
        raise Faulty(faults)
    lists = tuple(sorted(str(each.file.absolute()) for each in expanding.lists.values()))
    digest = digest_of(octets, lists, _context(settings))
    parts = tuple(cas.accesses), tuple(cas.registrations), tuple(rules.all), tuple(targets.values()), hooks
    return Declaration(certificates, *parts, lists, digest, rules.of_names)


def current_digest(place: Path, lists: Iterable[str], settings: Settings) -> str:
    """What `read_declaration` would say of `digest`, if nothing was changed since it read those lists."""
    return digest_of(octets_of(place), lists, _context(settings))


def _context(settings: Settings) -> tuple[str, ...]:
    # Another version may mean something else by the same words.
    return __version__, settings.ca, str(settings.home)
