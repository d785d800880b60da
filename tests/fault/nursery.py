"""Where lives begin: a process that has loaded the program once and forks for each, because loading it is most of
what so short a life costs.

    python -m tests.fault.nursery

Reads wishes (JSON), a line each; when that life has ended, answers with its status, a line each. What it said on
standard error is kept beside its home.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Self

import dns.update  # noqa: F401 - what a life would load on its way
import msgspec

import evercert.deploy.targets.files
import evercert.solve.dns.rfc2136  # noqa: F401
from tests.fault.mortal import Wish, live
from tests.peers.program import ROOT, without_trust_overrides

__all__ = ["Nursery", "words_of"]

_PATIENCE = 60


class Nursery:
    """That process, until the `with` is left. Serves one caller at a time."""

    def __init__(self) -> None:
        argv = [sys.executable, "-m", "tests.fault.nursery"]
        environment = without_trust_overrides(PYTHONPATH=str(ROOT))
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True)

    def live(self, wish: Wish) -> int:
        """How the life ended: its exit status, or minus the signal's number; SIGALRM where it took too long."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(msgspec.json.encode(wish).decode() + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:  # closes its pipes, which ends it
            pass


def words_of(wish: Wish) -> Path:
    """What the life of that wish says on standard error."""
    return Path(wish.home).with_name("stderr")


def _live_and_end(wish: Wish) -> None:
    status = 1
    try:
        signal.alarm(_PATIENCE)
        os.dup2(os.open(words_of(wish), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), sys.stderr.fileno())
        status = asyncio.run(live(wish))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)  # what the parent has not yet written is the parent's


if __name__ == "__main__":
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _live_and_end(msgspec.json.decode(line, type=Wish))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
