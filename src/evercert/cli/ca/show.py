"""`evercert ca show`."""

from __future__ import annotations

import click

from evercert.cli import completing
from evercert.cli.frame import framed
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("show")
@click.argument("ca", shell_complete=completing.known_cas)
@framed
def command(output: Output, settings: Settings, ca: str) -> int:
    """What is known of one CA: features, limits, and its staging counterpart."""
    from evercert.acme.cas import known_ca
    from evercert.cli.ca.known_lines import ca_lines

    known = known_ca(ca)
    output.result(known, *ca_lines(known))
    return 0
