"""The files of a declaration: one file, or all `*.toml` below a folder, and the lists of names that they refer to.

Trust: whoever can write one of them decides which certificates there are, and where they are installed; by a reference
`exec:` and by the targets that run programs, he runs programs with our rights.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol

import tomli

from evercert.base.errors import EvercertError
from evercert.config.declaration.faults import Fault, Faulty
from evercert.config.places import Path as KeyPath
from evercert.config.places import Place, Places, find_places
from evercert.host.files import read_bounded

__all__ = ["ListFile", "Placed", "Source", "digest_of", "octets_of", "parsed", "read_list"]

# A hundred thousand certificates, each a table of its own, have some ten megabytes.
_MAX_FILE: Final = 64 << 20
_MAX_FILES: Final = 10_000
_HINTS: Final = {
    "Invalid value": "a text stands in quotation marks",
    "Illegal character": "a text ends with a quotation mark, and has no control characters",
    "Cannot": "write each key and each table once",
    "": "a line is a [table], a key = value, or a # comment",
}
_AT: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
# How the reader shows a key: ('certificates', 'www')
_KEY: Final = re.compile(r"\((?:'[^']*'(?:, )?)+,?\)")


class Placed(Protocol):
    """A file in which something can have a place."""

    @property
    def name(self) -> str: ...

    def place(self, path: KeyPath, *, at_key: bool) -> Place: ...


@dataclass(slots=True)
class Source:
    """One TOML file that was read."""

    name: str
    file: Path
    text: str
    document: dict[str, Any]
    _places: Places | None = field(default=None, repr=False)

    def place(self, path: KeyPath, *, at_key: bool) -> Place:
        """Where that stands; the file is gone through once, when it is first asked."""
        if self._places is None:
            self._places = find_places(self.text)
        return self._places.of_key(path) if at_key else self._places.of_value(path)


@dataclass(frozen=True, slots=True)
class ListFile:
    """A file with names. A path in it is the number of a line and that of a word in it; both count from zero."""

    name: str
    file: Path
    lines: tuple[str, ...]

    def words(self) -> Iterator[tuple[int, list[str]]]:
        """The words of each line that has some, without comments, and the line's number."""
        for number, line in enumerate(self.lines):
            if words := line.partition("#")[0].split():
                yield number, words

    def place(self, path: KeyPath, *, at_key: bool) -> Place:
        number, word = map(int, path)
        line, begin, end = self.lines[number], 0, 0
        for each in line.split()[: word + 1]:
            begin = line.index(each, end)
            end = begin + len(each)
        return Place(number + 1, begin + 1)


def octets_of(place: Path) -> dict[Path, bytes]:
    """What is in the file, or in each file of the folder, in the order of their paths.

    Raises `not-found` where there is none or one cannot be read, and `too-large`.
    """
    files = sorted(file for file in place.rglob("*.toml") if _is_shown(file, place)) if place.is_dir() else [place]
    if not files:
        raise EvercertError("not-found", f"{place} has no file that ends in .toml", hint="name a file, or write one")
    if len(files) > _MAX_FILES:
        raise EvercertError("too-large", f"{place} has more than {_MAX_FILES} files")
    found: dict[Path, bytes] = {}
    for file in files:
        found[file] = _octets(file)
        if sum(map(len, found.values())) > _MAX_FILE:
            raise EvercertError("too-large", f"the declaration has more than {_MAX_FILE} bytes")
    return found


def _is_shown(file: Path, folder: Path) -> bool:
    # What is hidden is somebody's housekeeping: `..data` of a mounted ConfigMap, an editor's copies, `.git`.
    return not any(part.startswith(".") for part in file.relative_to(folder).parts)


def _octets(file: Path) -> bytes:
    try:
        return read_bounded(file, _MAX_FILE)
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        hint = "write one (docs/declaration.md begins with one line), or name another with --config"
        raise EvercertError("not-found", f"{file} cannot be read: {reason}", hint=hint) from error


def parsed(octets: Mapping[Path, bytes]) -> list[Source]:
    """Each file's document. Raises `Faulty` with the first fault of every file that is not TOML."""
    sources, faults = [], []
    for file, content in octets.items():
        try:
            # Some editors begin a file with a mark of its encoding, which TOML knows nothing of.
            text = content.decode().removeprefix("\ufeff").replace("\r\n", "\n")
            sources.append(Source(str(file), file, text, tomli.loads(text)))
        except UnicodeDecodeError as error:
            before = content[: error.start]
            column = error.start - (before.rfind(b"\n") + 1) + 1
            faults.append(Fault(str(file), before.count(b"\n") + 1, column, "", "it is not UTF-8", "save it as UTF-8"))
        except tomli.TOMLDecodeError as error:
            faults.append(_broken(str(file), text, str(error)))
        except RecursionError:
            faults.append(Fault(str(file), 1, 1, "", "it is nested too deeply", _HINTS[""]))
    if faults:
        raise Faulty(faults)
    return sources


def _broken(name: str, text: str, words: str) -> Fault:
    """A fault of the reader's: it names the place in its words."""
    found = _AT.search(words)
    told = _KEY.sub(_dotted, _AT.sub("", words))
    hint = next((hint for part, hint in _HINTS.items() if part in told), _HINTS[""])
    told = f"it is not TOML: {told[:1].lower()}{told[1:]}"
    if found and found[1]:
        return Fault(name, int(found[1]), int(found[2]), "", told, hint)
    return Fault(name, text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1, "", told, hint)


def _dotted(shown: re.Match[str]) -> str:
    parts = re.findall("'([^']*)'", shown[0])
    return ".".join(f'"{part}"' if "." in part else part for part in parts)


def read_list(source: Source, named: str) -> ListFile:
    """The list of names that a source names, relative to itself.

    Raises `not-found`, `too-large` and `bad-input`.
    """
    file = source.file.parent / named
    try:
        text = read_bounded(file, _MAX_FILE).decode()
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise EvercertError(
            "not-found",
            f"{named} cannot be read: {reason}",
            hint=f"it is looked for in {source.file.parent.absolute()}",
        ) from error
    except ValueError as error:
        hint = "a list is text in UTF-8, one line for each certificate"
        raise EvercertError("bad-input", f"{named} is not UTF-8, or no path", hint=hint) from error
    return ListFile(str(file), file, tuple(text.split("\n")))


def digest_of(octets: Mapping[Path, bytes], lists: Iterable[str], context: Iterable[str]) -> str:
    """A digest of all that decides what is declared: the files, the lists, and the *context* (settings).

    A list that cannot be read has a digest too: one that no list has.
    """
    digest = sha256()
    for word in context:
        digest.update(b"c%d:" % len(word.encode()) + word.encode())
    for file, content in octets.items():
        named = os.fsencode(file.absolute())
        digest.update(b"f%d:%s%d:" % (len(named), named, len(content)))
        digest.update(content)
    for name in lists:
        try:
            content = read_bounded(Path(name), _MAX_FILE)
        except (OSError, EvercertError):
            content = b"unreadable"
            digest.update(b"!")
        named = os.fsencode(name)
        digest.update(b"l%d:%s%d:" % (len(named), named, len(content)))
        digest.update(content)
    return digest.hexdigest()
