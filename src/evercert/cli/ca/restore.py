"""`evercert ca restore`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dir", "directory", metavar="DIR", required=True, type=click.Path(path_type=Path), help="A new folder.")
@click.option("--master-key", metavar="REF", help="The CA's master key: env:NAME, file:PATH or cred:NAME.")
@click.option("--passphrase", metavar="REF", help="Instead, where the master key is in the backup.")
@framed
def command(
    output: Output, settings: Settings, file: Path, directory: Path, master_key: str | None, passphrase: str | None
) -> int:
    """Make a CA of its backup, in a new folder. All of it is verified before anything is written. Whatever was issued
    or revoked since is not known to it: see docs/ca-operating.md."""
    from evercert.ca.operating.backup import restore
    from evercert.config.references import resolve

    key, words = (resolve(each, settings.environ) if each else None for each in (master_key, passphrase))
    folder = directory.expanduser().absolute()
    manifest = restore(file, folder, key, words)
    if any(member.path == "ca.db" for member in manifest.members):
        in_loop(_go_on(settings, folder, manifest.created_at))
    output.result(
        {"folder": str(folder), "created_at": manifest.created_at, "files": len(manifest.members)},
        f"the CA of {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC is in {folder}",
        f"next: evercert ca serve --dir {folder}",
    )
    return 0


async def _go_on(settings: Settings, folder: Path, created_at: datetime) -> None:
    from evercert.ca.operating.restoring import go_on_after
    from evercert.cli.ca.office import open_office_of

    async with open_office_of(settings, folder) as office:
        await go_on_after(office, created_at)
