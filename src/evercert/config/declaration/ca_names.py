"""Which CA a word on the command line means, where a declaration has names of its own for CAs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from evercert.acme.cas import KNOWN_CAS
from evercert.base.errors import EvercertError
from evercert.config.declaration.faults import Fault, Faulty
from evercert.config.declaration.files import Source, octets_of, parsed
from evercert.config.declaration.gathering import gathered
from evercert.config.declaration.parts import Cas
from evercert.config.settings import Settings
from evercert.model.terms import CaChoice

__all__ = ["ca_called"]


_KNOWN: Final = frozenset(ca.id for ca in KNOWN_CAS)


def ca_called(word: str, settings: Settings, warn: Callable[[str], None]) -> CaChoice:
    """The CA as a certificate's `cas` would name it: a `[cas.NAME]` of the declaration that is named or here, by the
    account that it says, or the id of a known CA; or a directory URL, as it stands. Of a declaration that nobody named
    and that cannot be read it is warned where the word is such an id: it may be of no concern.

    Raises `not-found`, and `Faulty` for a declaration that is no TOML or a table of that name that is not right; what
    else may be wrong in it is of no interest here.
    """
    if "://" in word:
        return CaChoice(word)
    faults: list[Fault] = []
    choice = Cas(gathered(_read(word, settings, warn), faults), faults).choice(word)
    if choice is None:
        raise Faulty(faults)
    return choice


def _read(word: str, settings: Settings, warn: Callable[[str], None]) -> list[Source]:
    try:
        return [*_sources(settings)]
    except (EvercertError, OSError) as error:
        if settings.config or word not in _KNOWN:
            raise
        warn(f"{word!r} is taken for the id of a known CA, as the declaration here cannot be read: {error}")
        return []


def _sources(settings: Settings) -> Iterator[Source]:
    """The declaration's files with their CAs alone; none where none is named and none is here."""
    if settings.config or settings.declaration.exists():
        for source in parsed(octets_of(settings.declaration)):
            yield replace(source, document={key: source.document[key] for key in ("cas",) if key in source.document})
