"""http-01 by a file below the folder that a web server serves.

Rules of this file: below the root no symbolic link is followed, so that whoever may write into the
root cannot make us write elsewhere; and only what we made is removed. Whoever can write into the
root can answer challenges for the names that are served from it.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from evercert.acme.challenge import checked_token
from evercert.base.apart import apart
from evercert.base.errors import EvercertError
from evercert.host.files import hint_for
from evercert.model.fact import Presented

__all__ = ["WebrootSolver"]

_FOLDERS = (".well-known", "acme-challenge")
_MADE = "made "
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class WebrootSolver:
    """Keeps `plugins.contracts.Solver` for one root. One instance serves many issuances at once."""

    def __init__(self, root: str) -> None:
        if not Path(root).is_absolute():
            raise EvercertError("bad-input", "webroot's root is an absolute path", hint="write root=/var/www/html")
        self._root = Path(root)
        # One thread at a time: making a folder and removing it when it is empty must not overtake each other.
        self._one = threading.Lock()
        # How many of the folders' names this process has made: 0, 1 (the inner) or 2 (both).
        self._made = 0
        # token -> the issuances that hold it.
        self._held: dict[str, set[int]] = {}

    async def present(self, items: Sequence[Presented], keep: Callable[[Presented], Awaitable[None]]) -> None:
        kept = 0
        while (missing := await apart(self._write, items, kept)) > kept:
            # Durable before visible: whoever cleans up after a crash knows which folders were not there.
            for item in items:
                await keep(msgspec.structs.replace(item, reference=f"{_MADE}{missing}"))
            kept = missing

    async def ready(self, items: Sequence[Presented]) -> None:
        """They are, as far as files go. Whether the server serves this folder is for the CA to see."""

    async def clean_up(self, items: Sequence[Presented]) -> None:
        await apart(self._remove, items)

    async def close(self) -> None:
        """Files go with their items."""

    def _write(self, items: Sequence[Presented], may_make: int) -> int:
        """How many of the two folders were not there. Where it may make as many, they are there now, and the files."""
        with self._one, self._opened() as folders:
            missing = len(_FOLDERS) + 1 - len(folders)
            if missing <= may_make:
                self._made = max(self._made, missing)
                for name in _FOLDERS[len(folders) - 1 :]:
                    folders.append(_make(folders[-1], name))
                for item in items:
                    self._held.setdefault(item.token, set()).add(item.issuance_id)
                    _put(folders[-1], checked_token(item.token), item.content.encode())
        return missing

    def _remove(self, items: Sequence[Presented]) -> None:
        """Remove the files that nobody else holds and, if they are empty, the folders that we made."""
        with self._one:
            tokens = [item.token for item in items if self._let_go(item)]
            made = max([self._made, *(_made(item.reference) for item in items)])
            if not self._root.exists() or self._are_gone(tokens, made):
                self._made = 0

    def _let_go(self, item: Presented) -> bool:
        """Whether nobody holds its token any more."""
        holders = self._held.get(item.token, set())
        holders.discard(item.issuance_id)
        if not holders:
            self._held.pop(item.token, None)
        return not holders

    def _are_gone(self, tokens: Sequence[str], made: int) -> bool:
        """Afterwards the tokens' files are; whether all folders that we made are, too."""
        with self._opened() as folders:
            if len(folders) == len(_FOLDERS) + 1:
                for token in tokens:
                    _take(folders[-1], checked_token(token))
            for depth in range(len(folders) - 1, len(_FOLDERS) - made, -1):
                try:
                    os.rmdir(_FOLDERS[depth - 1], dir_fd=folders[depth - 1])
                except OSError as error:
                    if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY}:
                        raise
                    return False
        return True

    @contextmanager
    def _opened(self) -> Iterator[list[int]]:
        """Descriptors of the root and the folders below it, as far as they are there; closed afterwards, with those
        that were added. Raises `challenge-failed` for what goes wrong inside."""
        folders: list[int] = []
        try:
            folders.append(os.open(self._root, _FOLDER))
            for name in _FOLDERS:
                try:
                    folders.append(os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folders[-1]))
                except FileNotFoundError:
                    break
            yield folders
        except OSError as error:
            raise self._told(error) from error
        finally:
            for folder in folders:
                os.close(folder)

    def _told(self, error: OSError) -> EvercertError:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            fault, hint = "a link or a file is where a folder should be", "name the folder that is really served"
        else:
            fault = error.strerror or "it cannot be used"
            hint = hint_for(error, "is root the folder that the web server serves?")
        return EvercertError("challenge-failed", f"cannot write below {self._root}: {fault}", hint=hint)


def _make(parent: int, name: str) -> int:
    with suppress(FileExistsError):  # another process has made it just now
        os.mkdir(name, 0o755, dir_fd=parent)
    folder = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    os.fchmod(folder, 0o755)  # the web server is somebody else, and our umask may be 077
    return folder


def _put(folder: int, token: str, content: bytes) -> None:
    """The file appears whole. The unfinished one has a name that `_take` knows."""
    unfinished = _unfinished(token)
    with suppress(FileNotFoundError):
        os.unlink(unfinished, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(unfinished, flags, 0o644, dir_fd=folder), "wb") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(content)
    os.rename(unfinished, token, src_dir_fd=folder, dst_dir_fd=folder)


def _take(folder: int, token: str) -> None:
    for name in (_unfinished(token), token):
        with suppress(FileNotFoundError):
            if stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=folder)


def _unfinished(token: str) -> str:
    return f".{token}.evercert"


def _made(reference: str) -> int:
    return int(reference.removeprefix(_MADE)) if reference in {f"{_MADE}1", f"{_MADE}2"} else 0
