"""Who listens on a port of this machine, as far as /proc tells (proc_pid_fd(5)); Linux only, and only for a hint."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from evercert.base.foreign import one_line

__all__ = ["holder_of"]

_LISTEN = "0A"
# A hint is not worth more: some 50 ms on a machine with that many.
_MAX_SOCKETS = 20_000
_MAX_PROCESSES = 4_000


def holder_of(port: int, proc: Path = Path("/proc")) -> str:
    """`nginx (pid 123)`, or "" where it cannot be seen (another user's program, another kind of machine)."""
    wanted = {f"socket:[{inode}]" for inode in _listening(port, proc)}
    if not wanted:
        return ""
    processes = (each for each in proc.iterdir() if each.name.isdigit())
    found = (each for each in islice(processes, _MAX_PROCESSES) if _holds(each, wanted))
    # A server's workers hold it as well; the lowest number is the one that was started.
    pid = min((int(each.name) for each in found), default=0)
    return f"{_name(proc / str(pid))} (pid {pid})" if pid else ""


def _listening(port: int, proc: Path) -> Iterator[str]:
    for table in ("net/tcp", "net/tcp6"):
        try:
            with (proc / table).open() as lines:
                for line in islice(lines, 1, _MAX_SOCKETS):
                    fields = line.split()
                    if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                        yield fields[9]
        except (OSError, IndexError, ValueError):
            continue


def _holds(process: Path, wanted: set[str]) -> bool:
    try:
        return any(str(each.readlink()) in wanted for each in (process / "fd").iterdir())
    except OSError:  # another user's, or gone meanwhile
        return False


def _name(process: Path) -> str:
    try:
        return one_line((process / "comm").read_text("utf-8", "replace"), 40) or "a program"
    except OSError:
        return "a program"
