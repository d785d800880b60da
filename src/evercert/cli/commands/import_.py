"""`evercert import`."""

from __future__ import annotations

from pathlib import Path

import click

from evercert.cli import completing
from evercert.cli.frame import configured, framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]

# Where each client keeps its folder unless it was told otherwise.
_USUAL = {"certbot": "/etc/letsencrypt", "lego": ".lego", "acme.sh": "~/.acme.sh"}


@click.command("import")
@click.argument("client", type=click.Choice(list(_USUAL)))
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--ca",
    metavar="CA",
    shell_complete=completing.known_cas,
    help="The CA of what the folder does not tell it of: a [cas.NAME] of the declaration, an id, or a directory URL; "
    "without it that is left out.",
)
@click.option(
    "--ca-roots",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    help="Further trust anchors for those CAs' own TLS that are not in `evercert ca list --known`.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be taken over.")
@framed
@configured
def command(
    output: Output,
    settings: Settings,
    client: str,
    folder: Path | None,
    ca: str | None,
    ca_roots: str | None,
    dry_run: bool,
) -> int:
    """Take over names, keys and accounts from another client's FOLDER; nothing in it is changed."""
    from evercert.cli.importing import Taking, import_folder
    from evercert.config.declaration.ca_names import ca_called
    from evercert.model.terms import CaChoice

    place = (folder or Path(_USUAL[client])).expanduser().absolute()
    choice = ca_called(ca, settings, output.warn) if ca else CaChoice("")
    taking = Taking(client, place, choice, ca_roots or "", dry_run=dry_run)
    return in_loop(import_folder(output, settings, taking))
