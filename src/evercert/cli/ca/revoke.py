"""`evercert ca revoke`."""

from __future__ import annotations

from pathlib import Path

import click

from evercert.cli.ca.folder import dir_option
from evercert.cli.frame import confirm, framed, in_loop
from evercert.cli.output import Output
from evercert.cli.reasons import reason_option
from evercert.config.settings import Settings
from evercert.pki.reasons import REVOKING

__all__ = ["command"]


@click.command("revoke")
@click.argument("serial")
@dir_option
@reason_option(REVOKING)
@click.option("--yes", is_flag=True, help="Do not ask.")
@framed
def command(output: Output, settings: Settings, directory: Path | None, serial: str, reason: str, yes: bool) -> int:
    """Revoke a certificate of this machine's CA. With keyCompromise its key is never certified again."""
    confirm(yes, f"revoke {serial}? It cannot be taken back")
    return in_loop(_revoke(output, settings, directory, serial, reason))


async def _revoke(output: Output, settings: Settings, directory: Path | None, serial: str, reason: str) -> int:
    from evercert.cli.ca.office import open_office_of

    async with open_office_of(settings, directory) as office:
        revoked = await office.revoke(serial, REVOKING[reason])
    names = ", ".join(str(each) for each in revoked.identifiers)
    output.result({"serial": revoked.serial, "reason": reason}, f"revoked {revoked.serial} ({names}): {reason}")
    return 0
