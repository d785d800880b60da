"""Files that are whole or not there, also after a power cut.

Rules of this file:

* Every function is blocking and short; `OSError` is the caller's to tell in its own words.
* Nothing is ever written in place: a reader sees the old file or the new one.
"""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import pwd
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evercert.base.errors import EvercertError
from evercert.host.locks import FileLock, RangeLocks

__all__ = [
    "FileLock",
    "Owner",
    "RangeLocks",
    "find_owner",
    "hint_for",
    "make_private_dir",
    "read_bounded",
    "remove_durably",
    "remove_unfinished",
    "swap_link",
    "sync_dir",
    "write_durably",
    "write_new",
    "write_new_from",
]

# Dot files: neither nginx's nor Apache's `include *` takes them for configuration.
_UNFINISHED = ".evercert"
_DEVICES = Path("/dev")


def hint_for(error: OSError, usual: str) -> str:
    """What to do about *error*: the *usual*, or else what opens a folder that systemd keeps read-only for a unit."""
    if error.errno != errno.EROFS:
        return usual
    return "a unit of systemd writes where ReadWritePaths= says alone: add the folder with `systemctl edit evercert`"


@dataclass(frozen=True, slots=True)
class Owner:
    """Numbers of a user and a group; -1 leaves what is there."""

    user: int = -1
    group: int = -1


def find_owner(user: str, group: str) -> Owner | None:
    """The numbers of those names, None where both are empty; raises `bad-input` for unknown ones."""
    if not user and not group:
        return None
    try:
        return Owner(pwd.getpwnam(user).pw_uid if user else -1, grp.getgrnam(group).gr_gid if group else -1)
    except KeyError as error:
        words = ":".join(each for each in (user, group) if each)
        raise EvercertError("bad-input", f"there is no such user or group: {words}") from error


def write_durably(path: Path, data: bytes, mode: int = 0o600, owner: Owner | None = None) -> None:
    """Afterwards *path* holds *data*, on the disk, with *mode* from its first byte.

    A death on the way leaves the old file, and perhaps an unfinished one beside it that the
    next write of *path* removes. A link at *path* is replaced, not followed. Raises `bad-input` where what
    is there is no file: a pipe or a device (root could put a file in the place of /dev/null).
    """
    if not _is_replaceable(path):
        hint = "name a file of its own; what is there already stays as it is"
        raise EvercertError("bad-input", f"{path} is no file, but a device, a pipe or a socket", hint=hint)
    remove_unfinished(path)
    unfinished, descriptor = _create_beside(path)
    try:
        _fill(descriptor, data, mode, owner)
        unfinished.rename(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    sync_dir(path.parent)


def write_new(path: Path, data: bytes, mode: int = 0o600, owner: Owner | None = None) -> None:
    """Afterwards *path*, which was not there, holds *data*; its bytes are on the disk, its name is once
    `sync_dir` was called. For the files of a folder that nobody reads before it is whole."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _fill(descriptor, data, mode, owner)
    finally:
        os.close(descriptor)


def write_new_from(path: Path, chunks: Iterable[bytes], mode: int = 0o600) -> None:
    """The same of what is too much to be held at once, and its name is on the disk too; after an error there is nothing
    at *path*."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    sync_dir(path.parent)


def remove_durably(path: Path) -> None:
    """Afterwards there is no file or link at *path*, finished or not, nor after a power cut. Idempotent."""
    remove_unfinished(path)
    try:
        path.unlink()
    except FileNotFoundError:
        return
    sync_dir(path.parent)


def remove_unfinished(path: Path) -> None:
    """Afterwards nothing is beside *path* that a process was writing for it when it died."""
    for name in _names_in(path.parent):
        if name.startswith(f".{path.name}.") and name.endswith(_UNFINISHED):
            left = path.with_name(name)
            if left.is_symlink() or not _is_being_written(left):
                left.unlink(missing_ok=True)


def make_private_dir(path: Path, mode: int = 0o700) -> None:
    """Afterwards *path* is a folder of that mode; folders made above it are private too.

    Raises `bad-input` if it belongs to somebody else (its owner could swap what we put there) or to
    everybody (as /tmp does, which must stay so).
    """
    missing = [part for part in (path, *path.parents) if not part.exists()]
    for part in reversed(missing):
        with suppress(FileExistsError):
            part.mkdir(mode=0o700)
            sync_dir(part.parent)
    status = path.stat()
    if status.st_uid not in {os.geteuid(), 0}:
        raise EvercertError(
            "bad-input",
            f"{path} belongs to another user",
            hint="give it to the user that Evercert runs as, or name another folder",
        )
    if status.st_mode & stat.S_IWOTH:
        raise EvercertError(
            "bad-input", f"{path} is a folder that others may write to", hint="name a folder of its own below it"
        )
    if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) != mode:
        path.chmod(mode)


def swap_link(link: Path, target: str) -> None:
    """Afterwards *link* is a symbolic link to *target*, durably; at no moment was it missing.

    Not for two at once. Raises `FileExistsError` if something that is no link stands there.
    """
    if os.path.lexists(link) and not link.is_symlink():
        raise FileExistsError(errno.EEXIST, "not a link", str(link))
    # Always the same name, so that what a dead process left is found without a look at all of a folder's links.
    unfinished = _beside(link, "link")
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(target)
    try:
        unfinished.rename(link)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_dir(link.parent)


def read_bounded(path: Path, limit: int) -> bytes:
    """The file's bytes; raises `too-large` if there are more than *limit*, and `bad-input` if it
    is no regular file (a pipe or a device would never end)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise EvercertError("bad-input", f"{path} is not a file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise EvercertError("too-large", f"{path} has more than {limit} bytes")
    return data


def sync_dir(path: Path) -> None:
    """Afterwards the names in the folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_replaceable(path: Path) -> bool:
    """Of a folder the system itself says that it cannot be."""
    if path.parent == _DEVICES:  # also for links, as /dev/stdout is one
        return False
    try:
        mode = path.stat().st_mode
    except OSError:  # nothing is there, or what comes next tells why it cannot be seen
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _fill(descriptor: int, data: bytes, mode: int, owner: Owner | None) -> None:
    """Afterwards the bytes are on the disk, and the file is its owner's."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
    if owner is not None:
        os.fchown(descriptor, owner.user, owner.group)
    os.fchmod(descriptor, mode)
    os.fsync(descriptor)


def _names_in(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [each.name for each in entries]
    except FileNotFoundError:
        return []


def _beside(path: Path, mark: str) -> Path:
    return path.with_name(f".{path.name}.{mark}{_UNFINISHED}")


def _create_beside(path: Path) -> tuple[Path, int]:
    """A new empty file of mode 0600, locked as long as it is open: so it is known to be alive."""
    unfinished = _beside(path, secrets.token_hex(6))
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return unfinished, descriptor


def _is_being_written(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
