"""A document against the schema: everything that is wrong in it, and what is left without that."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Protocol, TypeVar, Union, get_args, get_origin

import msgspec

from evercert.base.foreign import one_line
from evercert.config.declaration.faults import nearest
from evercert.config.declaration.words import worded
from evercert.config.places import Path

__all__ = ["Report", "described", "shaped"]

T = TypeVar("T")


class Report(Protocol):
    """Tells of a fault at a path of the document; *at_key*: the key is wrong, not its value."""

    def __call__(self, path: Path, message: str, hint: str = "", *, at_key: bool = False) -> None: ...


_AT: Final = re.compile(r" - at `[^`]*`$")
_GONE: Final = object()
_WORDS: Final = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
    "date": "a date",
    "datetime": "a date",
    "time": "a time",
}


def shaped(document: dict[str, Any], kind: type[T], report: Report) -> T:
    """The document as a value of *kind*; what is wrong in it is reported and left out."""
    try:
        return msgspec.convert(document, kind, dec_hook=worded)
    except msgspec.ValidationError:
        return msgspec.convert(_checked(document, kind, (), report), kind, dec_hook=worded)


def _checked(value: Any, kind: Any, path: Path, report: Report) -> Any:
    """The value without what is wrong in it; `_GONE` if nothing is left."""
    bare = _bare(kind)
    origin, arguments = get_origin(bare), get_args(bare)
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        return _struct(value, bare, path, report)
    report = _hinting(report, kind)
    if origin is dict:
        return _table(value, path, report, lambda key: _checked(value[key], arguments[1], (*path, key), report))
    if origin is tuple:
        return _list(value, arguments[0], path, report)
    return _leaf(value, kind, bare, path, report)


def _hinting(report: Report, kind: Any) -> Report:
    """The same, with what the key is for where there is no better hint."""
    purpose = described(kind)
    if not purpose:
        return report

    def hinting(path: Path, message: str, hint: str = "", *, at_key: bool = False) -> None:
        report(path, message, hint or _purpose(path[-1], purpose), at_key=at_key)

    return hinting


def _purpose(key: str | int, purpose: str) -> str:
    return f"{key}: {purpose}" if isinstance(key, str) else purpose


def described(kind: Any) -> str:
    """What is said of the type, for people; empty if nothing is."""
    if get_origin(kind) is Annotated:
        said = (each.description for each in kind.__metadata__ if isinstance(each, msgspec.Meta))
        return next((each for each in said if each), "")
    if get_origin(kind) in {Union, UnionType}:
        return next(filter(None, map(described, get_args(kind))), "")
    return ""


def _bare(kind: Any) -> Any:
    """The type without "or nothing" and without what is said of it."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif get_origin(kind) in {Union, UnionType} and NoneType in get_args(kind):
            kind = next(each for each in get_args(kind) if each is not NoneType)
        else:
            return kind


def _table(value: Any, path: Path, report: Report, checked: Callable[[str], Any]) -> Any:
    if not isinstance(value, dict):
        name = path[-1] if path and isinstance(path[-1], str) else ""
        hint = f"write a [{'.'.join(str(part) for part in path)}]" if name else "write { key = value }"
        report(path, f"a table is expected here, not {_noun(value)}", hint)
        return _GONE
    return {key: kept for key in value if (kept := checked(key)) is not _GONE}


def _struct(value: Any, kind: type[msgspec.Struct], path: Path, report: Report) -> Any:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}

    def checked(key: str) -> Any:
        if key in fields:
            return _checked(value[key], fields[key].type, (*path, key), report)
        report((*path, key), "there is no such key here", _meant(key, value[key], fields, path), at_key=True)
        return _GONE

    kept = _table(value, path, report, checked)
    if kept is _GONE:
        return _GONE
    missing = [name for name, field in fields.items() if field.required and name not in value]
    for name in missing:
        report(path, f"it needs its {name!r}", _purpose(name, described(fields[name].type)), at_key=True)
    return _GONE if any(field.required and name not in kept for name, field in fields.items()) else kept


def _meant(key: str, value: Any, fields: Collection[str], path: Path) -> str:
    """What to write instead of a key that there is not."""
    otherwise = ""
    if isinstance(value, dict) and len(path) == 2:  # a table was to be called so
        name = one_line(".".join([str(path[1]), key, *_below(value, fields)]))
        otherwise = f'write [{path[0]}."{name}"]: a name with dots stands in quotation marks'
    elif "options" in fields:
        otherwise = f"write it in options = {{ {one_line(key)} = ... }}"
    return nearest(key, fields, otherwise)


def _below(value: dict[str, Any], fields: Collection[str]) -> Iterator[str]:
    """The further parts of a name that was taken for tables."""
    while value:
        key, value = next(iter(value.items()))
        if key in fields or not isinstance(value, dict):
            return
        yield key


def _list(value: Any, kind: Any, path: Path, report: Report) -> Any:
    if not isinstance(value, list):
        hint = f'write ["{one_line(value)}"]' if isinstance(value, str) else ""
        if isinstance(value, dict):
            hint = f"write [[{path[0]}]]" if len(path) == 1 else "write [{ key = value }]"
        report(path, f"a list is expected here, not {_noun(value)}", hint)
        return _GONE
    checked = (_checked(each, kind, (*path, number), report) for number, each in enumerate(value))
    return [each for each in checked if each is not _GONE]


def _leaf(value: Any, kind: Any, bare: Any, path: Path, report: Report) -> Any:
    try:
        msgspec.convert(value, kind, dec_hook=worded)
    except msgspec.ValidationError as error:
        known = list(_known(bare))
        if known and isinstance(value, str):
            report(path, f"{one_line(value)[:60]!r} is not one of them", nearest(value, known))
        else:
            report(path, *_explained(str(error), known, value))
        return _GONE
    return value


def _known(kind: Any) -> Iterable[str]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(each.value) for each in kind]
    return map(str, get_args(kind)) if get_origin(kind) is Literal else ()


def _explained(fault: str, known: list[str], value: Any) -> tuple[str, str]:
    """msgspec's words in ours, and the hint that follows from them."""
    if known:
        return f"{_noun(value)} is not one of them", f"write one of {', '.join(known)}"
    if not fault.startswith("Expected `"):
        words = _AT.sub("", fault)
        message, parted, hint = words.partition(", such as ")
        return message, f"write something such as {hint}" if parted else ""
    expected, _, found = fault.removeprefix("Expected `").partition("`")
    kinds = [_WORDS.get(each, each) for each in sorted(expected.split(" | ")) if each != "null"]
    words = " or ".join(kinds) if len(kinds) < 3 else "a text, a number, true or false"
    if found.startswith(","):
        return f"{words} is expected here, not {_noun(value)}", _quotation(value, expected)
    return f"{words}{_AT.sub('', found)} is expected here", ""


def _quotation(value: Any, expected: str) -> str:
    if "bool" in expected and "str" not in expected:
        return "write true or false"
    if isinstance(value, str) and "str" not in expected:
        return "write it without quotation marks"
    return f'write "{value}"' if isinstance(value, int | float) and "str" in expected else ""


def _noun(value: Any) -> str:
    name = type(value).__name__
    return {"list": "a list", "dict": "a table", **_WORDS}.get(name, name)
