"""A folder of another client, read and never written; hostile until checked.

Trust: whoever can write to that folder chooses the keys and names we take over, so it is
imported only when the user names it, and every remark is shown.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.host.files import read_bounded

__all__ = ["Tree"]

_Shape = TypeVar("_Shape")

# The largest fleets seen under one certbot have some ten thousand lineages (reference: clients 5).
_MAX_ENTRIES = 200_000
# CAs' directory paths have at most a few segments (OpenBao: v1/pki/roles/web/acme/directory).
_MAX_DEPTH = 12
_MAX_WALK = 1_000
_MAX_TEXT = 64 << 10
_MAX_PEM = 256 << 10


class Tree:
    """Reads below *root* only: a link that leads elsewhere is refused, not followed."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            hint = "name it: evercert import CLIENT FOLDER"
            raise EvercertError("not-found", f"there is no folder {one_line(str(root))!r}", hint=hint)
        self.root = root.resolve()

    def text(self, path: Path) -> str:
        """A small UTF-8 file; raises `bad-input` where it is not one."""
        try:
            return self._read(path, _MAX_TEXT).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise EvercertError("bad-input", "it is not UTF-8 text") from error

    def json(self, path: Path, shape: type[_Shape]) -> _Shape:
        """A small JSON file of that shape; fields that are not in it are passed over."""
        try:
            return msgspec.json.decode(self.text(path), type=shape)
        except (msgspec.MsgspecError, RecursionError) as error:
            # The library's message could repeat a part of the file, which may be a key.
            raise EvercertError("bad-input", "it is not the JSON that belongs here") from error

    def pem(self, path: Path) -> bytes:
        return self._read(path, _MAX_PEM)

    def has(self, path: Path) -> bool:
        """Whether a readable file of ours is there. A link that leads elsewhere counts as absent."""
        return self._is_inside(path) and path.is_file()

    def files(self, folder: Path, suffix: str) -> list[Path]:
        """The files there with that suffix, in order of their names; none if there is no such folder."""
        return self._listed(folder, lambda entry: entry.name.endswith(suffix) and entry.is_file())

    def folders(self, folder: Path) -> list[Path]:
        """The folders there, links to some included unless they lead out of the tree or back up it."""
        here = folder.resolve()

        def is_below(entry: os.DirEntry[str]) -> bool:
            real = Path(entry.path).resolve()
            return real.is_relative_to(self.root) and not here.is_relative_to(real)

        return self._listed(folder, lambda entry: entry.is_dir() and is_below(entry))

    def folders_with(self, folder: Path, name: str) -> Iterator[Path]:
        """Every folder below that holds a file of that name, however links may lead in circles."""
        waiting = deque((inner, 1) for inner in self.folders(folder))
        for _ in range(_MAX_WALK):
            if not waiting:
                return
            inner, depth = waiting.popleft()
            if self.has(inner / name):
                yield inner
            if depth < _MAX_DEPTH:
                waiting.extend((further, depth + 1) for further in self.folders(inner))

    def _listed(self, folder: Path, wanted: Callable[[os.DirEntry[str]], bool]) -> list[Path]:
        try:
            with os.scandir(folder) as entries:
                return sorted(Path(entry.path) for entry in islice(entries, _MAX_ENTRIES) if wanted(entry))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _is_inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self.root)

    def _read(self, path: Path, limit: int) -> bytes:
        if not self._is_inside(path):
            raise EvercertError("bad-input", "it is a link that leads out of the folder, so it is not read")
        return read_bounded(path, limit)
