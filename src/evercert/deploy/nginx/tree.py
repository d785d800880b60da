"""A whole nginx configuration: every file that it includes, as one tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.deploy.nginx.syntax import Directive, parse
from evercert.host.files import read_bounded

__all__ = ["Configuration", "Node", "load"]

# Machines with ten thousand sites exist; a loop of includes ends at the depth.
_MAX_FILES = 50_000
_MAX_FILE = 16 << 20
_MAX_INCLUDES = 16


@dataclass(frozen=True, slots=True)
class Node:
    """A directive, the file that it stands in, and what its block holds once includes are read."""

    directive: Directive
    path: Path
    children: tuple[Node, ...] = ()

    @property
    def name(self) -> str:
        return self.directive.name

    @property
    def place(self) -> tuple[Path, int]:
        return self.path, self.directive.start

    def within(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.within()


@dataclass(frozen=True, slots=True)
class Configuration:
    """The tree, and the text of each file by its real path."""

    main: Path
    nodes: tuple[Node, ...]
    texts: dict[Path, str]

    def named(self, name: str) -> list[Node]:
        """Every directive of that name, at any depth."""
        return [node for top in self.nodes for node in top.within() if node.name == name]


@dataclass(slots=True)
class _Loading:
    base: Path
    texts: dict[Path, str] = field(default_factory=dict)
    parsed: dict[Path, tuple[Directive, ...]] = field(default_factory=dict)

    def file(self, path: Path, includes: int) -> tuple[Node, ...]:
        real = path.resolve()
        if includes > _MAX_INCLUDES or len(self.texts) > _MAX_FILES:
            raise EvercertError("deploy", f"{path} is included too deep, or there are too many files")
        if real not in self.texts:
            # Bytes that are no UTF-8 go back as they came.
            self.texts[real] = read_bounded(real, _MAX_FILE).decode("utf-8", "surrogateescape")
            self.parsed[real] = _parsed(real, self.texts[real])
        return tuple(self.nodes(self.parsed[real], real, includes))

    def nodes(self, directives: tuple[Directive, ...], path: Path, includes: int) -> Iterator[Node]:
        for directive in directives:
            if directive.name == "include" and directive.arguments:
                for found in self.included(directive.arguments[0]):
                    yield from self.file(found, includes + 1)
            else:
                yield Node(directive, path, tuple(self.nodes(directive.body, path, includes)))

    def included(self, pattern: str) -> list[Path]:
        """In the order of nginx's glob(3). A pattern is relative to the main file's folder."""
        names = sorted(glob(str(self.base / pattern)))  # noqa: PTH207  # Path.glob takes no absolute pattern
        return [Path(name) for name in names if Path(name).is_file()]


def load(main: Path) -> Configuration:
    """The configuration whose main file is *main*; raises `deploy` where it cannot be read."""
    loading = _Loading(main.parent)
    try:
        return Configuration(main, loading.file(main, 0), loading.texts)
    except OSError as error:
        raise EvercertError("deploy", f"{error.filename} cannot be read: {error.strerror}") from error


def _parsed(path: Path, text: str) -> tuple[Directive, ...]:
    try:
        return parse(text)
    except EvercertError as error:
        raise EvercertError("deploy", f"{path}: {error.message}", hint="correct it; `nginx -t` tells more") from error
