"""A large fleet on PostgreSQL, through everything: `make fleet`, or `python -m tests.fleet CERTIFICATES LIFE SEED`."""

from __future__ import annotations

import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.fleet.chaos import run_through
from tests.fleet.estate import Scale, estate
from tests.fleet.laws import check
from tests.peers.postgres import Postgres


def main(certificates: int = 10_000, life: int = 1_800, seed: int = 1) -> None:
    """Fails where one of the laws is broken; the seed draws the same mishaps again."""
    begun = time.monotonic()
    scale = Scale(certificates, life, lease=15, patience=4 * life)
    with tempfile.TemporaryDirectory(prefix="evercert-fleet-") as name, Postgres() as server:
        folder = Path(name)
        folder.chmod(0o755)
        with estate(folder, scale, server) as fleet:
            chaos = run_through(fleet, server, seed, partial(print, flush=True))
            check(fleet)
            issued = len(fleet.certified())
    print(
        f"{certificates} certificates, {issued} issuances, {len(chaos.happened)} mishaps in"
        f" {time.monotonic() - begun:.0f} s: nothing lapsed, nothing was issued twice, nothing was lost"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
