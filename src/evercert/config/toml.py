"""TOML files of ours, read into typed values: the whole file is right, or nothing of it counts.

An error names the file, the key, what is wrong with it, and the nearest word that would be right.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec

from evercert.base.errors import EvercertError
from evercert.host.files import read_bounded

__all__ = ["Duration", "read_toml", "span_from", "span_of", "toml_as"]

T = TypeVar("T")

_MAX_FILE: Final = 4 << 20
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
# Some 1,900 years, as long as a declaration takes: what is much further away, or ago, has no date.
_LONGEST: Final = timedelta(weeks=99_999)
_UNKNOWN: Final = re.compile(r"unknown field `([^`]*)`")
_AT: Final = re.compile(r" - at `\$\.?([^`]*)`$")

# A length of time as people write it: 90s, 15m, 6h, 90d, 2w.
Duration = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,9}[smhdw]$")]


def span_of(written: Duration) -> timedelta:
    return timedelta(seconds=int(written[:-1]) * _UNITS[written[-1]])


def span_from(written: str) -> timedelta:
    """The same of what a person typed. Raises `bad-input`."""
    if not re.fullmatch(r"[0-9]{1,9}[smhdw]", written):
        raise EvercertError("bad-input", f"{written[:40]!r} is no length of time", hint="such as 90s, 15m, 6h, 90d, 2w")
    seconds = int(written[:-1]) * _UNITS[written[-1]]
    if seconds > _LONGEST.total_seconds():
        raise EvercertError("bad-input", f"{written} is too long", hint="such as 90s, 15m, 6h, 90d, 2w")
    return timedelta(seconds=seconds)


def read_toml(file: Path, kind: type[T]) -> T:
    """What the file says. Raises `not-found` where it cannot be read and `bad-input` for what is wrong in it."""
    try:
        octets = read_bounded(file, _MAX_FILE)
    except OSError as error:
        raise EvercertError(
            "not-found", f"{file} cannot be read: {(error.strerror or 'unreadable').lower()}"
        ) from error
    return toml_as(octets, kind, str(file))


def toml_as(octets: bytes, kind: type[T], called: str) -> T:
    """The same, of TOML that is at hand. *called* is what its errors call it."""
    try:
        return msgspec.convert(tomllib.loads(octets.decode()), kind)
    except UnicodeDecodeError as error:
        raise EvercertError("bad-input", f"{called}: it is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise EvercertError("bad-input", f"{called}: it is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise _explained(str(error), kind, called) from error


def _explained(fault: str, kind: type, called: str) -> EvercertError:
    place = found[1] if (found := _AT.search(fault)) else ""
    said = _AT.sub("", fault)
    if unknown := _UNKNOWN.search(said):
        known = sorted(set(_fields(kind)))
        near = get_close_matches(unknown[1], known, 1)
        place = f"{place}.{unknown[1]}" if place else unknown[1]
        return EvercertError(
            "bad-input",
            f"{called}: {place}: there is no such setting",
            hint=f"did you mean {near[0]!r}?" if near else "",
        )
    words = said[:1].lower() + said[1:]
    words = words.replace("matching regex '^[0-9]{1,9}[smhdw]$'", "such as 90s, 15m, 6h, 90d or 2w")
    return EvercertError("bad-input", f"{called}: {place or 'the file'}: {words}")


def _fields(kind: Any, depth: int = 0) -> Iterator[str]:
    """The names of all settings, to find the nearest among."""
    if depth > 6:
        return
    for argument in getattr(kind, "__args__", ()):
        yield from _fields(argument, depth + 1)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            yield field.encode_name
            yield from _fields(field.type, depth + 1)
