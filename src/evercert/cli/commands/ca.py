"""`evercert ca`."""

from __future__ import annotations

import click

from evercert.cli import completing
from evercert.cli.frame import framed
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.group("ca")
def command() -> None:
    """The CAs that Evercert knows."""


@command.command("list")
@framed
def list_(output: Output, settings: Settings) -> int:
    """Every known CA: its id, its directory, and what it asks for."""
    from evercert.acme.cas import KNOWN_CAS

    rows = [(ca.id, ca.name, "yes" if ca.eab else "no", ca.directory) for ca in KNOWN_CAS]
    output.table(KNOWN_CAS, ("ID", "NAME", "EAB", "DIRECTORY"), rows)
    return 0


@command.command("show")
@click.argument("ca", shell_complete=completing.known_cas)
@framed
def show(output: Output, settings: Settings, ca: str) -> int:
    """What is known of one CA: features, limits, and its staging counterpart."""
    from evercert.acme.cas import known_ca
    from evercert.cli.cas import ca_lines

    known = known_ca(ca)
    output.result(known, *ca_lines(known))
    return 0
