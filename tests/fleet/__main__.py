"""A large fleet through everything: `make fleet`, or `python -m tests.fleet CERTIFICATES LIFE SEED [sqlite]`."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.fleet.chaos import run_through
from tests.fleet.estate import Scale, estate
from tests.fleet.laws import check
from tests.peers.postgres import Postgres


def main(certificates: int = 10_000, life: int = 1_800, seed: int = 1, *, on_one_file: bool = False) -> None:
    """Fails where one of the laws is broken; the seed draws the same mishaps again. The store is a PostgreSQL, or a
    file."""
    begun = time.monotonic()
    scale = Scale(certificates, life, lease=15, patience=4 * life)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="evercert-fleet-")))
        folder.chmod(0o755)
        server = None if on_one_file else stack.enter_context(Postgres())
        fleet = stack.enter_context(estate(folder, scale, server))
        chaos = run_through(fleet, server, seed, partial(print, flush=True))
        check(fleet)
        issued = len(fleet.certified())
    print(
        f"{certificates} certificates, {issued} issuances, {len(chaos.happened)} mishaps in"
        f" {time.monotonic() - begun:.0f} s: nothing lapsed, nothing was issued twice, nothing was lost"
    )


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:] if each.isdigit()]
    main(*numbers, on_one_file="sqlite" in sys.argv)
