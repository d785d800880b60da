"""`evercert simulate`."""

from __future__ import annotations

import click

from evercert.cli.frame import framed
from evercert.cli.output import Output
from evercert.cli.ranges import NumberRange
from evercert.config.settings import Settings

__all__ = ["command"]

_FAR = 1_000_000_000


@click.command("simulate")
@click.option(
    "--seed", type=click.IntRange(0, _FAR), default=1, show_default=True, help="Which history; the first one."
)
@click.option(
    "--seeds", type=click.IntRange(1, 100_000), default=1, show_default=True, help="How many, one after another."
)
@click.option("--certificates", type=click.IntRange(1, 1000), help="How many certificates (default: the seed says).")
@click.option("--days", type=NumberRange(0.1, 366), help="How long anything may go wrong (default: the seed says).")
@click.option("--nodes", type=click.IntRange(1, 100), help="How many nodes do the work (default: the seed says).")
@click.option("--faults", metavar="LIST", default="all", help="What may go wrong, comma separated; all, or none.")
@framed
def command(
    output: Output,
    settings: Settings,
    seed: int,
    seeds: int,
    certificates: int | None,
    days: float | None,
    nodes: int | None,
    faults: str,
) -> int:
    """Live made-up histories of the whole engine under a clock of its own, and judge them by the laws.

    CAs, DNS, servers, the database, nodes and clocks fail as the seed says; the same seed is the same history. Nothing
    of this installation is read or written. Ends with a failure where a law was broken, and says how to see it again.

    \b
    evercert simulate --seed 7
    evercert simulate --seeds 100 --faults ca-outage,crash,pause
    """
    from evercert.cli.simulating import report
    from evercert.simulation.story import Wanted, faults_named

    wanted = Wanted(certificates or 0, days or 0.0, nodes or 0, faults_named(faults))
    return report(output, range(seed, seed + seeds), wanted)
