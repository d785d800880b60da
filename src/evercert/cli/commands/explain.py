"""`evercert explain`."""

from __future__ import annotations

import click

from evercert.cli import completing
from evercert.cli.frame import configured, framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("explain")
@click.argument("name", shell_complete=completing.certificate_names)
@framed
@configured
def command(output: Output, settings: Settings, name: str) -> int:
    """Where each value of a declared certificate was said, and what happens next with it, when and why."""
    from evercert.cli.explaining import explain

    return in_loop(explain(output, settings, name))
