"""One text for several: `web{1..12}.example.com`, `{www,api}.example.com`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product
from math import prod
from typing import Final

from evercert.base.errors import EvercertError

__all__ = ["expanded"]

_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_RANGE: Final = re.compile(r"(\d{1,9})\.\.(\d{1,9})", re.ASCII)
_MOST: Final = 1_000_000


def expanded(text: str) -> Iterable[str]:
    """Each text that *text* stands for, in order; itself if it has no braces. Raises `bad-input`."""
    if "{" not in text and "}" not in text:
        return (text,)
    between = _BRACES.split(text)
    if any(brace in part for part in between[::2] for brace in "{}"):
        raise EvercertError("bad-input", "a brace has no partner", hint="write {a,b} or {1..9}")
    choices = [_choices(part) if number % 2 else [part] for number, part in enumerate(between)]
    if prod(map(len, choices)) > _MOST:
        raise _too_many("it")
    return map("".join, product(*choices))


def _choices(part: str) -> list[str]:
    if found := _RANGE.fullmatch(part):
        return _numbers(found[1], found[2])
    words = [word.strip() for word in part.split(",")]
    if "" in words:
        raise EvercertError("bad-input", f"{{{part[:40]}}} has an empty part", hint="write {a,b} or {1..9}")
    return words


def _numbers(first: str, last: str) -> list[str]:
    """All of them, as wide as the first is written."""
    low, high = int(first), int(last)
    if low > high:
        raise EvercertError("bad-input", f"{{{first}..{last}}} is no range", hint="write the smaller number first")
    if high >= low + _MOST:
        raise _too_many(f"{{{first}..{last}}}")
    return [str(number).zfill(len(first)) for number in range(low, high + 1)]


def _too_many(what: str) -> EvercertError:
    return EvercertError("bad-input", f"{what} stands for more than {_MOST} texts", hint="make it several")
