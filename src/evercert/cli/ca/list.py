"""`evercert ca list`."""

from __future__ import annotations

import click

from evercert.cli.frame import framed
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("list")
@framed
def command(output: Output, settings: Settings) -> int:
    """Every known CA: its id, its directory, and what it asks for."""
    from evercert.acme.cas import KNOWN_CAS

    rows = [(ca.id, ca.name, "yes" if ca.eab else "no", ca.directory) for ca in KNOWN_CAS]
    output.table(KNOWN_CAS, ("ID", "NAME", "EAB", "DIRECTORY"), rows)
    return 0
