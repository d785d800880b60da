"""`evercert delete`."""

from __future__ import annotations

import sys

import click

from evercert.cli import completing
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("delete")
@click.argument("name", shell_complete=completing.certificate_names)
@click.option("--yes", is_flag=True, help="Do not ask.")
@framed
def command(output: Output, settings: Settings, name: str, yes: bool) -> int:
    """Forget a certificate and its key. What is installed stays; nothing is revoked."""
    if not yes and sys.stdin.isatty():
        click.confirm(f"Forget {name} and its private key?", abort=True)
    elif not yes:
        raise click.UsageError("there is no terminal to ask at; say --yes")
    return in_loop(_delete(output, settings, name))


async def _delete(output: Output, settings: Settings, name: str) -> int:
    from evercert.base.clock import SystemClock
    from evercert.cli.store import existing, reading
    from evercert.store import certificates

    async with reading(settings) as db:
        await existing(db, name)
        await certificates.delete(db, name, SystemClock().now())
    output.result({"deleted": name}, f"{name}: forgotten")
    return 0
