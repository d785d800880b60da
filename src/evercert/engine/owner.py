"""Who a process is among all that share a store, and whether another one of this machine still lives."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from random import Random

from evercert.host.files import RangeLocks

__all__ = ["Owner"]

# Where the kernel says which of its starts this is (proc(5)).
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Owner:
    """This process, under a name that nobody else has or had.

    The name begins with the node: this start of this machine and this home. Its processes each hold a lock that ends
    with them, however they end, so that what one of them worked on is gone on with at once. Of other nodes nothing is
    known but when their leases run out. Trust: whoever can open the lock file can keep a dead process alive until its
    leases run out, and nothing else.
    """

    def __init__(self, home: Path, rng: Random) -> None:
        path = home / "workers.lock"
        self._locks = RangeLocks(path)
        self.node = _node(path)
        self.name = f"{self.node}/{os.getpid()}-{rng.getrandbits(48):012x}"
        self._locks.try_lock(self.name)

    def has_ended(self, other: str) -> bool:
        """Whether *other* was a process of this node and is no more."""
        if other == self.name or not other.startswith(f"{self.node}/") or not self._locks.try_lock(other):
            return False
        self._locks.unlock(other)
        return True

    def close(self) -> None:
        """Afterwards this process counts as ended."""
        self._locks.close()


def _node(path: Path) -> str:
    found, machine = path.stat(), os.uname().nodename
    try:
        boot = _BOOT.read_text().strip()
    except OSError:
        boot = ""
    told = f"{boot} {machine} {path.resolve()} {found.st_dev} {found.st_ino}"
    return f"{machine[:40]}:{sha256(told.encode()).hexdigest()[:12]}"
