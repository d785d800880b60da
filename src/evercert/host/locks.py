"""Locks among the processes of this machine. They end with their process, however it ends."""

from __future__ import annotations

import fcntl
import os
import struct
from hashlib import blake2b
from pathlib import Path
from types import TracebackType

from evercert.base.errors import EvercertError

__all__ = ["FileLock", "RangeLocks"]


class FileLock:
    """One owner at a time of a file or folder (flock); the file is made if nothing is there.

    Also between two owners in one process. Trust: whoever can open the path can make us wait,
    and nothing else; the process id in it is only told to the user.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def try_lock(self) -> bool:
        """Whether it is ours now."""
        descriptor = _open(self._path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        if self._path.is_file():
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        return True

    def unlock(self) -> None:
        """Afterwards others may have it. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> FileLock:
        """Raises `conflict`, with the owner's process id where it is known."""
        if not self.try_lock():
            raise EvercertError(
                "conflict",
                f"{self._path} is in use by {self._owner()}",
                hint="wait until the other evercert has ended, or end it",
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unlock()

    def _owner(self) -> str:
        try:
            text = self._path.read_bytes()[:20].decode("ascii").strip()
        except (OSError, ValueError):
            text = ""
        return f"process {text}" if text.isdigit() else "another process"


class RangeLocks:
    """Many locks in one file: one byte for each key, by its hash.

    Open-file-description locks, so that they do not end when somebody else in this process
    closes the same file. Two holders through one instance are not kept apart. Two keys of equal
    hash (63 bits) only wait for each other. Trust: as for `FileLock`.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = _open(path)

    def try_lock(self, key: str) -> bool:
        """Whether *key* is ours now."""
        try:
            self._set(key, fcntl.F_WRLCK)
        except BlockingIOError:
            return False
        return True

    def unlock(self, key: str) -> None:
        """Afterwards others may have *key*. Idempotent."""
        self._set(key, fcntl.F_UNLCK)

    def close(self) -> None:
        """Afterwards nothing is locked by us."""
        os.close(self._descriptor)

    def _set(self, key: str, kind: int) -> None:
        start = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") >> 2
        # struct flock of Linux's 64-bit calls: type, whence, start, length, pid (0 for OFD locks).
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, start, 1, 0))


def _open(path: Path) -> int:
    if path.is_dir():
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
