"""Lines of an Apache configuration file, and the `<VirtualHost>` that begins on one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from evercert.base.errors import EvercertError

__all__ = ["Line", "Section", "lines", "section_at"]

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|(\S+)')


@dataclass(frozen=True, slots=True)
class Line:
    """One directive, continued lines joined: its name in lower case, and where it stands without its
    indent and its last line's end. Section ends are named `</name>`, beginnings `<name`."""

    name: str
    arguments: tuple[str, ...]
    start: int
    end: int
    number: int


@dataclass(frozen=True, slots=True)
class Section:
    """A `<VirtualHost>`: its first and last line and the directives between, nested ones included."""

    first: Line
    last: Line
    body: tuple[Line, ...]

    def named(self, name: str) -> list[Line]:
        return [line for line in self.body if line.name == name.lower()]


def lines(text: str) -> Iterator[Line]:
    """The directives of *text*, without blank lines and comments."""
    number = 1
    for match in re.finditer(r"(?:[^\n]*\\\r?\n)*[^\n]*(?:\n|\Z)", text):
        written = match.group()
        stripped = written.strip()
        if stripped and not stripped.startswith("#"):
            start = match.start() + len(written) - len(written.lstrip())
            yield _line(stripped, start, number)
        number += written.count("\n")


def section_at(text: str, number: int) -> Section:
    """The virtual host whose first line is line *number*; raises `deploy` if there is none."""
    rest = iter([line for line in lines(text) if line.number >= number])
    first = next(rest, None)
    if first is not None and first.name == "<virtualhost" and first.number == number:
        body: list[Line] = []
        for line in rest:
            if line.name == "</virtualhost>":
                return Section(first, line, tuple(body))
            body.append(line)
    raise EvercertError(
        "deploy",
        f"line {number} does not begin a virtual host",
        hint="a host that a macro makes cannot be changed: write the certificate's paths there yourself",
    )


def _line(written: str, start: int, number: int) -> Line:
    joined = re.sub(r"\\\r?\n\s*", " ", written)
    words = [_unquoted(match) for match in _WORD.finditer(joined.removesuffix(">") if joined[0] == "<" else joined)]
    name = joined.lower() if joined.startswith("</") else words[0].lower()
    return Line(name, tuple(words[1:]), start, start + len(written), number)


def _unquoted(match: re.Match[str]) -> str:
    double, single, bare = match.groups()
    return bare if bare is not None else re.sub(r"\\(.)", r"\1", double if double is not None else single)
