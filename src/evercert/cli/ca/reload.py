"""`evercert ca reload`."""

from __future__ import annotations

from pathlib import Path

import click

from evercert.cli.ca.folder import ca_folder, dir_option
from evercert.cli.frame import framed
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("reload")
@dir_option
@framed
def command(output: Output, settings: Settings, directory: Path | None) -> int:
    """Have this machine's CA read its settings, profiles and issuers again, while it serves. What pkilint or the store
    says against them stands in its log, and then everything is as it was."""
    from evercert.ca.node.reloading import ask_to_reload

    folder = ca_folder(settings, directory)
    process = ask_to_reload(folder)
    output.result({"process": process}, f"process {process} reads {folder} again; its log says what came of it")
    return 0
