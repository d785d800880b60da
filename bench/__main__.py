"""`make bench`: clients against one Pebble, their accounts already made; CAs under one load; all over loopback."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.measure import BenchFailure
from bench.questions import FULL, QUESTIONS, QUICK
from tests.peers.program import PeerFailure


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few certificates: does everything still run?")
    parser.add_argument("--only", choices=QUESTIONS, help="this question alone")
    given = parser.parse_args()
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    print(f"{machine}, {_load()}, Python {platform.python_version()}")
    print("wall: seconds until all are there; x: as many times as the first row; peak: the largest process")
    failures = [_ask(name, quick=given.quick) for name in QUESTIONS if given.only in (None, name)]
    return int(any(failures))


def _ask(name: str, *, quick: bool) -> bool:
    """Whether it failed; the other questions are asked all the same."""
    with tempfile.TemporaryDirectory(prefix="evercert-bench-") as folder:
        try:
            QUESTIONS[name](Path(folder), QUICK if quick else FULL)
        except (BenchFailure, PeerFailure, subprocess.SubprocessError) as failure:
            print(f"\n{name}: FAILED: {failure}", file=sys.stderr)
            return True
    return False


def _load() -> str:
    """Somebody else's work on the machine makes figures worse; whoever reads them should know."""
    return f"load {os.getloadavg()[0]:.1f} before the run"


if __name__ == "__main__":
    sys.exit(main())
