"""The dialect of INI in which certbot keeps `renewal/*.conf` (ConfigObj): nested sections, lists, quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from evercert.base.errors import EvercertError

__all__ = ["Section", "read_ini"]

# One item of a value: in triple, double or single quotes, or bare up to a comma or a comment. A
# bare item may hold quotes, only not in front.
_ITEM = re.compile(
    r"""(?:'''(?P<block>.*?)'''|\"\"\"(?P<blocks>.*?)\"\"\"|"(?P<double>[^"]*)"|'(?P<single>[^']*)'"""
    r"""|(?P<bare>[^,#"'][^,#]*)|(?P<none>))\s*(?P<next>,|\#|$)\s*""",
    re.DOTALL,
)
_BLOCK = re.compile(r"""=\s*('''|\"\"\")""")
_MAX_DEPTH = 4


@dataclass(slots=True)
class Section:
    """Every value is a list of items; most have one."""

    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sections: dict[str, Section] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """The first item. certbot leaves out an option that is not set, or writes `None`."""
        items = self.items(name)
        return items[0] if items else default

    def items(self, name: str) -> tuple[str, ...]:
        items = self.values.get(name, ())
        return () if items == ("None",) else items

    def flag(self, name: str) -> bool:
        return self.text(name).lower() == "true"

    def section(self, name: str) -> Section:
        return self.sections.get(name) or Section()


def read_ini(text: str) -> Section:
    """The root section. Raises `bad-input` with the number of the line that cannot be read."""
    root = Section()
    path = [root]
    for number, line in _logical_lines(text):
        if line.startswith("["):
            path = _opened(path, line.partition("#")[0].rstrip(), number)
        else:
            name, separator, value = line.partition("=")
            if not separator or not name.strip():
                raise EvercertError("bad-input", f"line {number} is neither `name = value` nor a section")
            path[-1].values[name.strip().strip("\"'")] = _items(value.strip(), number)
    return root


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say something; a value in triple quotes may go on over several."""
    start, open_quote, parts = 0, "", list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if open_quote:
            parts.append(line)
        elif not (written := line.strip()) or written.startswith("#"):
            continue
        else:
            start, parts = number, [written]
            match = _BLOCK.search(written)
            open_quote = match[1] if match and written.count(match[1]) == 1 else ""
            if open_quote:
                continue
        if not open_quote or open_quote in line:
            open_quote = ""
            yield start, "\n".join(parts)
    if open_quote:
        raise EvercertError("bad-input", f"line {start} opens a quote that never ends")


def _opened(path: list[Section], line: str, number: int) -> list[Section]:
    depth = len(line) - len(line.lstrip("["))
    if depth > min(len(path), _MAX_DEPTH) or depth != len(line) - len(line.rstrip("]")):
        raise EvercertError("bad-input", f"line {number} opens a section that does not fit here")
    section = path[depth - 1].sections.setdefault(line[depth:-depth].strip().strip("\"'"), Section())
    return [*path[:depth], section]


def _items(value: str, number: int) -> tuple[str, ...]:
    items: list[str] = []
    at = 0
    while at < len(value):
        match = _ITEM.match(value, at)
        if match is None:
            raise EvercertError("bad-input", f"line {number} has a value whose quotes do not match")
        if match["none"] is None:
            items.append(next(filter(None, match.group("block", "blocks", "double", "single", "bare")), "").strip())
        if match["next"] == "#":
            break
        at = match.end()
    return tuple(items)
