"""`make soak`, or `python -m evercert.simulation.soak`: the whole size, some hours of one core. Status 1 where a
certificate lapsed that no forecast had said would."""

from __future__ import annotations

import sys

import click

from evercert.simulation.soak.given import DAY, nightly
from evercert.simulation.soak.soak import soaked
from evercert.simulation.soak.words import told


@click.command()
@click.option("--certificates", default=1_000_000, show_default=True, help="How many.")
@click.option("--years", default=10.0, show_default=True, help="For how long.")
@click.option("--life", "lives", multiple=True, type=float, help="Days that one lives; several are had in turn.")
@click.option("--cas", default=1, type=click.IntRange(1, 2), show_default=True, help="How many CAs may be asked.")
@click.option("--orders", default=3_000, show_default=True, help="Override: new orders in 3 hours; 0 for none.")
@click.option("--domain", default=0, show_default=True, help="Override: certificates per domain and week; 0 for none.")
@click.option("--seed", default=1, show_default=True, help="The same one gives the same soak.")
def main(
    certificates: int, years: float, lives: tuple[float, ...], cas: int, orders: int, domain: int, seed: int
) -> None:
    """A large fleet over years, with a silent CA, a mass revocation, and Let's Encrypt's limits."""
    seconds = tuple(int(life * DAY) for life in lives) or (90 * DAY,)
    given = nightly(certificates, years, seconds, seed, orders=orders, domain=domain, cas=cas)
    report = soaked(given, telling=lambda line: click.echo(line, err=True))
    for line in told(report):
        click.echo(line)
    sys.exit(1 if report.broken else 0)


main()
