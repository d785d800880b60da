"""`evercert ca backup`."""

from __future__ import annotations

from pathlib import Path

import click

from evercert.cli.ca.folder import ca_folder, dir_option
from evercert.cli.frame import framed
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@dir_option
@click.option("--with-master-key", is_flag=True, help="Put the master key in as well, under --passphrase.")
@click.option("--passphrase", metavar="REF", help="env:NAME, file:PATH or cred:NAME; twelve characters or more.")
@click.option("--without-database", is_flag=True, help="The folder alone: where the store is in PostgreSQL.")
@framed
def command(
    output: Output,
    settings: Settings,
    directory: Path | None,
    file: Path,
    with_master_key: bool,
    passphrase: str | None,
    without_database: bool,
) -> int:
    """Write everything that this machine's CA needs into FILE, sealed, while it serves: settings, issuers,
    certificates, accounts, audit. Never the root's key; the master key only if that is said: keep that one elsewhere.

    \b
    evercert ca backup /backup/ca-2026-01-31
    evercert ca restore /backup/ca-2026-01-31 --dir /var/lib/evercert/ca --master-key file:/safe/master.key
    """
    from random import SystemRandom

    from evercert.base.clock import SystemClock
    from evercert.ca.operating.backup import back_up
    from evercert.config.references import resolve

    if with_master_key != bool(passphrase):
        raise click.UsageError("--with-master-key and --passphrase go together")
    words = resolve(passphrase, settings.environ) if passphrase else None
    back_up(
        ca_folder(settings, directory),
        file,
        settings.environ,
        passphrase=words,
        without_database=without_database,
        now=SystemClock().now(),
        rng=SystemRandom(),
    )
    size = file.stat().st_size
    output.result({"file": str(file), "octets": size}, f"backed up into {file}, {size} octets")
    return 0
