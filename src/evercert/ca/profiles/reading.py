"""Profiles as an operator writes them: the tables `[profiles.NAME]` of the CA's settings.

Every fault is found and said at once, with its key and what was probably meant; a file with a fault changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.ca.profiles.policy import NamePolicy, checked_uri
from evercert.ca.profiles.profile import BUILT_IN, Profile
from evercert.config.toml import Duration, span_of
from evercert.pki.issuing import EKUS

__all__ = ["FIELDS", "profiles_from"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CENTURY: Final = timedelta(days=36525)
_OID: Final = re.compile(r"[0-2](?:\.(?:0|[1-9]\d{0,18})){1,30}")

# Whatever has it speaks for its issuer (RFC 6960 §4.2.2.2) or may be used for anything (RFC 5280 §4.2.1.12): not for
# whoever proves to own a name.
_NO_EKU: Final = frozenset({"ocspSigning", EKUS["ocspSigning"].dotted_string, "2.5.29.37.0"})

# A profile that begins with another's fields says so with this key.
_LIKE: Final = "like"

FIELDS: Final = {field.name: field for field in msgspec.structs.fields(Profile) if field.name != "name"}

_MOST_PROFILES: Final = 100
_SHOWN: Final = 10


def profiles_from(tables: Mapping[str, object], file: str) -> Mapping[str, Profile]:
    """The profiles that the tables describe; those that are built in where there are none. *file* is what faults call
    the file. Raises `bad-input` with everything that is wrong."""
    if not tables:
        return BUILT_IN
    faults: list[str] = []
    if len(tables) > _MOST_PROFILES:
        faults.append(f"{file}: profiles: there are no more than {_MOST_PROFILES}")
    read = [_Reader(file, name, faults).profile(table) for name, table in list(tables.items())[:_MOST_PROFILES]]
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise EvercertError("bad-input", "; ".join(faults[:_SHOWN]) + more, hint="see docs/ca-profiles.md")
    return {profile.name: profile for profile in read if profile is not None}


class _Reader:
    """One table, and the faults that are found in it."""

    def __init__(self, file: str, name: str, faults: list[str]) -> None:
        self._place = f"{file}: profiles.{one_line(name, 64)}"
        self._name = name
        self._faults = faults

    def profile(self, table: object) -> Profile | None:
        """The profile, or None and what is wrong among the faults."""
        before = len(self._faults)
        if not _NAME.fullmatch(self._name):
            self._fault("", "a profile's name is of lower-case letters, digits, dots, hyphens and underscores")
        if not isinstance(table, Mapping):
            self._fault("", "it is not a table")
            return None
        fields = self._beginning(table) | dict(self._fields(table))
        if len(self._faults) > before:
            return None
        profile = Profile(**fields | {"name": self._name})
        for key, fault in _contradictions(profile):
            self._fault(key, fault)
        return profile

    def _beginning(self, table: Mapping[str, object]) -> dict[str, Any]:
        wanted = table.get(_LIKE)
        if wanted is None:
            return {}
        if isinstance(wanted, str) and wanted in BUILT_IN:
            built_in = BUILT_IN[wanted]
            return {name: getattr(built_in, name) for name in FIELDS if name != "description"}
        self._fault(_LIKE, f"there is no such profile; {_meant(str(wanted), BUILT_IN)}")
        return {}

    def _fields(self, table: Mapping[str, object]) -> Iterator[tuple[str, Any]]:
        for key, written in table.items():
            if key in FIELDS:
                try:
                    yield key, _value(key, written)
                except (ValueError, EvercertError) as error:
                    self._fault(key, getattr(error, "message", str(error)))
            elif key != _LIKE:
                self._fault(key, f"there is no such key; {_meant(key, [*FIELDS, _LIKE])}")

    def _fault(self, key: str, what: str) -> None:
        self._faults.append(f"{self._place}{'.' if key else ''}{one_line(key, 64)}: {what}")


def _value(key: str, written: object) -> Any:
    """The field's value. Raises `ValueError` or `bad-input` with what is wrong."""
    kind = FIELDS[key].type
    read = _READERS.get(key) or (_length if _base(kind) in {timedelta, timedelta | None} else None)
    try:
        return read(written) if read else msgspec.convert(written, kind)
    except msgspec.ValidationError as error:
        raise ValueError(_in_words(str(error), kind)) from error


def _base(kind: Any) -> Any:
    return get_args(kind)[0] if hasattr(kind, "__metadata__") else kind


def _in_words(fault: str, kind: Any) -> str:
    """msgspec's words, and the ones that would be right where only some are."""
    said = fault.partition(" - at `")[0]
    words = sorted(_words(kind))
    if found := re.search(r"Invalid enum value '(.*)'", said):
        return f"{one_line(found[1], 60)!r} is none of {', '.join(words)}" + _perhaps(found[1], words)
    return said[:1].lower() + said[1:]


def _words(kind: Any) -> Iterator[str]:
    if get_origin(kind) is Literal:
        yield from (str(each) for each in get_args(kind) if each)
    elif hasattr(kind, "__members__"):
        yield from (each.value for each in kind)
    for argument in get_args(kind) if get_origin(kind) is not Literal else ():
        yield from _words(argument)


def _meant(written: str, known: Iterable[str]) -> str:
    known = sorted(known)
    near = get_close_matches(written.lower(), known, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"


def _perhaps(written: str, known: list[str]) -> str:
    near = get_close_matches(written, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _length(written: object) -> timedelta:
    try:
        length = span_of(msgspec.convert(written, Duration))
    except (msgspec.ValidationError, OverflowError):
        length = timedelta.max
    if length > _CENTURY:
        raise ValueError("a length is written 30s, 15m, 24h, 90d or 2w, and is no longer than a century")
    return length


def _life(written: object) -> timedelta | float:
    if isinstance(written, str):
        return _length(written)
    if isinstance(written, int | float) and not isinstance(written, bool) and 0 < written <= 1:
        return float(written)
    raise ValueError('a life is a length such as "90d", or a part of its issuer\'s that is left, from 0 to 1')


def _names(written: object) -> tuple[str, ...]:
    entries = msgspec.convert(written, tuple[str, ...])
    NamePolicy(entries)
    return entries


def _ekus(written: object) -> tuple[str, ...]:
    ekus = msgspec.convert(written, tuple[str, ...])
    for each in ekus:
        if each in _NO_EKU:
            raise ValueError(f"{each} is not for whoever proves to own a name")
        if each not in EKUS and not _OID.fullmatch(each):
            raise ValueError(f"{one_line(each, 60)!r} is no usage; {_meant(each, EKUS)}, or a dotted OID")
    return ekus


def _policies(written: object) -> tuple[str, ...]:
    policies = msgspec.convert(written, tuple[str, ...])
    for each in policies:
        if not _OID.fullmatch(each):
            raise ValueError(f"{one_line(each, 60)!r} is no dotted OID")
    return policies


def _uri(written: object) -> str:
    template = msgspec.convert(written, str)
    if template:
        checked_uri(template.replace("{name}", "name.test"))
    return template


_READERS: Final[Mapping[str, Callable[[object], Any]]] = {
    "life": _life,
    "allow": _names,
    "deny": _names,
    "ekus": _ekus,
    "policies": _policies,
    "uri": _uri,
}


def _contradictions(profile: Profile) -> Iterator[tuple[str, str]]:
    """Fields that are right alone and wrong together."""
    if isinstance(profile.life, timedelta):
        if not profile.life:
            yield "life", "a certificate lives"
        if profile.max_life is not None and profile.max_life < profile.life:
            yield "max_life", "it is shorter than life"
    if not profile.challenges and not (profile.eab_required and profile.eab_authorizes):
        yield "challenges", "without one, only an external account can prove a name: eab_required and eab_authorizes"
    if "uri" in profile.names and not any("://" in entry for entry in profile.allow):
        yield "names", "a uri is taken only where allow has its begin, such as spiffe://corp.test/ns/"
    if not profile.order_life or not profile.pending_authorization_life:
        yield "order_life", "an order and a proof take time"
