"""A command, run to its end, and what it took of the machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
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


# Linux counts the memory of whoever forked a program to that program's largest size, and a pytest worker grows
# large: so a small process of its own starts the command, waits for it, and writes down what it took.
_STARTER = """
import json, os, sys
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
taken = [os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024]
open(sys.argv[1], "w").write(json.dumps(taken))
"""


def measured(argv: Sequence[str], env: Mapping[str, str], folder: Path, *, seconds: float = 100) -> Measured:
    """What the command printed stands in *folder* too, which is made; it is killed after *seconds*."""
    folder.mkdir()
    out, err, taken = folder / "out", folder / "err", folder / "taken"
    began = time.monotonic()
    starter = [sys.executable, "-I", "-S", "-c", _STARTER, str(taken), *map(str, argv)]
    with out.open("wb") as told, err.open("wb") as noted:
        process = subprocess.Popen(
            starter, stdin=subprocess.DEVNULL, stdout=told, stderr=noted, env=env, start_new_session=True
        )
        late = Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))
        late.start()
        process.wait()
        late.cancel()
    # A command that was killed with its starter leaves no account.
    status, processor_seconds, most_resident = json.loads(taken.read_text()) if taken.exists() else (-9, 0.0, 0)
    passed = time.monotonic() - began
    return Measured(status, out.read_text(), err.read_text(), passed, processor_seconds, most_resident)
