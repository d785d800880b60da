"""Changes to a user's own configuration files, that can be taken back exactly.

The journal is durable before the first file is changed. Taking back restores the bytes that
were there; where the user has changed a file meanwhile, only our own changes are reversed.

Trust: the journal lies in the target's private folder; whoever can change it can write into
the configuration at the next roll back. Only files that it names are ever touched.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from evercert.base.errors import EvercertError
from evercert.host.files import Owner, read_bounded, remove_durably, remove_unfinished, write_durably

__all__ = ["Edit", "Journal", "edited"]

_MAX_FILE = 16 << 20
_MAX_JOURNAL = 256 << 20


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """In the text of *path*, what stands from *start* to *end* becomes *text*."""

    path: Path
    start: int
    end: int
    text: str


class _Changed(msgspec.Struct, frozen=True):
    """One file: its bytes before, the digest after, and each piece of text that was exchanged."""

    path: str
    before: bytes
    after: str
    pieces: tuple[tuple[str, str], ...]


class Journal:
    """What was changed and may have to be taken back. Owned by one target; one file of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_open(self) -> bool:
        return self._path.exists()

    def mentions(self, text: str) -> bool:
        """Whether a change brought *text* into a file."""
        return any(text in new for change in self._changes() for _, new in change.pieces)

    def write(self, texts: Mapping[Path, str], edits: Iterable[Edit]) -> None:
        """Afterwards the edits are made, durably, and the journal knows how to take them back.

        Raises `conflict`, with nothing changed, if a file is no longer what *texts* says.
        """
        by_path: dict[Path, list[Edit]] = {}
        for edit in sorted(edits):
            by_path.setdefault(edit.path, []).append(edit)
        changes = [_change(path, texts[path], found) for path, found in by_path.items()]
        if not changes:
            return
        write_durably(self._path, msgspec.json.encode([*self._changes(), *changes]))
        for path, found in by_path.items():
            _replace(path, _encoded(edited(texts[path], found)))

    def undo(self) -> bool:
        """Afterwards nothing of the changes is left; whether there were any. Idempotent."""
        changes = self._changes()
        for change in reversed(changes):
            _take_back(change)
        self.forget()
        return bool(changes)

    def forget(self) -> None:
        """Afterwards the changes stay. Idempotent."""
        remove_durably(self._path)

    def _changes(self) -> list[_Changed]:
        try:
            return msgspec.json.decode(read_bounded(self._path, _MAX_JOURNAL), type=list[_Changed])
        except FileNotFoundError:
            return []
        except msgspec.DecodeError as error:
            raise EvercertError(
                "deploy", f"{self._path} is damaged", hint="remove it and look at the server's configuration"
            ) from error


def edited(text: str, edits: Sequence[Edit]) -> str:
    """*text* with the edits made; they do not overlap and are in order."""
    parts, place = [], 0
    for edit in edits:
        parts += [text[place : edit.start], edit.text]
        place = edit.end
    return "".join([*parts, text[place:]])


def _change(path: Path, text: str, edits: Sequence[Edit]) -> _Changed:
    before = _encoded(text)
    if read_bounded(path, _MAX_FILE) != before:
        raise EvercertError("conflict", f"{path} was changed by somebody else at this moment")
    after = sha256(_encoded(edited(text, edits))).hexdigest()
    return _Changed(str(path), before, after, tuple((text[each.start : each.end], each.text) for each in edits))


def _take_back(change: _Changed) -> None:
    path = Path(change.path)
    remove_unfinished(path)
    try:
        present = read_bounded(path, _MAX_FILE)
    except FileNotFoundError:
        return
    if present == change.before:
        return
    if sha256(present).hexdigest() == change.after:
        _replace(path, change.before)
        return
    text = present.decode("utf-8", "surrogateescape")
    for old, new in change.pieces:
        text = text.replace(new, old, 1)
    if _encoded(text) != present:
        _replace(path, _encoded(text))


def _replace(path: Path, data: bytes) -> None:
    """Afterwards the file has *data*, and the mode and owner that it had."""
    status = path.stat()
    write_durably(path, data, stat.S_IMODE(status.st_mode), Owner(status.st_uid, status.st_gid))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
