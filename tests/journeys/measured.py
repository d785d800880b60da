"""A command, run to its end, and what it took of the machine."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

__all__ = ["Measured", "measured"]


@dataclass(frozen=True)
class Measured:
    status: int
    out: str
    err: str
    seconds: float
    processor_seconds: float
    most_resident: int
    """The largest that the process was, in octets."""

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def measured(argv: Sequence[str], env: Mapping[str, str], folder: Path, *, seconds: float = 100) -> Measured:
    """What the command printed stands in *folder* too, which is made; it is killed after *seconds*."""
    folder.mkdir()
    out, err = folder / "out", folder / "err"
    began = time.monotonic()
    with out.open("wb") as told, err.open("wb") as noted:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=told, stderr=noted, env=env)
        late = Timer(seconds, process.kill)
        late.start()
        # wait4 alone tells what this one child took; the reaped status is given back to Popen, which would wait too.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        late.cancel()
    return Measured(
        process.returncode,
        out.read_text(),
        err.read_text(),
        time.monotonic() - began,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * 1024,
    )
