"""What a server's processes have cost so far, read from the kernel."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Spent", "named", "spent"]

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Spent:
    """Seconds of processor (user and system, children that ended included), and MB in memory now."""

    cpu: float
    memory: float


def spent(pids: Iterable[int]) -> Spent:
    """Of all of them together. One that has ended counts nothing: a server that is measured does not end."""
    cpu = memory = 0.0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            # The name in parentheses may have spaces (proc(5)).
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            cpu += sum(map(int, fields[11:15])) / _TICK
            memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return Spent(cpu, memory)


def named(name: str, pids: Iterable[int]) -> list[int]:
    """Those whose program has that name."""
    return [pid for pid in pids if _name(pid) == name]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
