"""`evercert delete`."""

from __future__ import annotations

import click

from evercert.cli import completing
from evercert.cli.frame import confirm, framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("delete")
@click.argument("name", shell_complete=completing.certificate_names)
@click.option("--yes", is_flag=True, help="Do not ask.")
@framed
def command(output: Output, settings: Settings, name: str, yes: bool) -> int:
    """Forget a certificate and its key. What is installed stays; nothing is revoked."""
    confirm(yes, f"Forget {name} and its private key?")
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
