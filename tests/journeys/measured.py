"""A command of ours, run to its end, and what it took of the machine."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.shell import Shell
from tests.peers.program import installed

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


def measured(
    evercert: Shell, arguments: Sequence[str], folder: Path, *, environ: Mapping[str, str] | None = None
) -> Measured:
    """What the command printed stands in *folder* too."""
    folder.mkdir()
    out, err = folder / "out", folder / "err"
    argv = [installed("evercert", "run `make setup`"), *arguments]
    began = time.monotonic()
    with out.open("wb") as told, err.open("wb") as noted:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=told, stderr=noted, env=evercert.environment(**(environ or {}))
        )
        # wait4 alone tells what this one child took; the reaped status is given back to Popen, which would wait too.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Measured(
        process.returncode,
        out.read_text(),
        err.read_text(),
        time.monotonic() - began,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * 1024,
    )
