"""What a program cost: time on the wall, time on the processors (its children's too), memory at its peak."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

__all__ = ["BenchFailure", "Command", "Cost", "all_of", "cost_of", "typical"]

# What has begun in time may end: one of lego's orders of 50 names takes three and a half minutes.
_GRACE = 300


class BenchFailure(Exception):
    """A program that was to be measured failed, or was not done in time; with the end of its output."""


@dataclass(frozen=True)
class Command:
    """One program to run, for so many certificates."""

    argv: Sequence[str]
    env: dict[str, str]
    certificates: int = 1


@dataclass(frozen=True)
class Cost:
    """`peak` is the largest process in MB, not the sum of those that ran side by side. `done` of `wanted`
    certificates were measured; where they differ, wall and cpu are extrapolated in proportion."""

    wall: float
    cpu: float
    peak: float
    done: int = 1
    wanted: int = 1

    @property
    def is_extrapolated(self) -> bool:
        return self.done < self.wanted


def cost_of(command: Command, log: Path, seconds: float) -> Cost:
    """Run it to its end, which must come within *seconds* and be a success."""
    with log.open("ab") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command.argv, env=command.env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        overdue = threading.Timer(seconds, process.kill)
        overdue.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        overdue.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        ended = f"not done within {seconds:.0f} s" if wall >= seconds else f"status {process.returncode}"
        raise BenchFailure(f"{' '.join(command.argv)[:200]}: {ended}\n{log.read_text(errors='replace')[-1500:]}")
    return Cost(
        wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, command.certificates, command.certificates
    )


def all_of(commands: Sequence[Command], log: Path, *, width: int, seconds: float) -> Cost:
    """Run them, *width* at a time. After *seconds* no further one is begun, and the rest is extrapolated."""
    began = time.monotonic()
    wanted = sum(command.certificates for command in commands)

    def one(numbered: tuple[int, Command]) -> Cost | None:
        number, command = numbered
        if time.monotonic() - began > seconds:
            return None
        return cost_of(command, log.with_suffix(f".{number % width}.log"), seconds + _GRACE)

    with ThreadPoolExecutor(width) as pool:
        costs = [cost for cost in pool.map(one, enumerate(commands)) if cost]
    wall = time.monotonic() - began
    done = sum(cost.done for cost in costs)
    measured = Cost(wall, sum(cost.cpu for cost in costs), max(cost.peak for cost in costs), done, wanted)
    return replace(measured, wall=wall * wanted / done, cpu=measured.cpu * wanted / done)


def typical(command: Command, log: Path, times: int = 15) -> Cost:
    """The median of several runs, after one that fills the caches."""
    cost_of(command, log, 60)
    costs = [cost_of(command, log, 60) for _ in range(times)]
    return Cost(median(c.wall for c in costs), median(c.cpu for c in costs), max(c.peak for c in costs))
