"""`evercert ca stats`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from evercert.cli.ca.folder import dir_option
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("stats")
@dir_option
@framed
def command(output: Output, settings: Settings, directory: Path | None) -> int:
    """This machine's CA in figures: accounts, orders, certificates."""
    return in_loop(_stats(output, settings, directory))


async def _stats(output: Output, settings: Settings, directory: Path | None) -> int:
    from evercert.ca.operating.figures import figures
    from evercert.cli.ca.office import open_office_of

    async with open_office_of(settings, directory) as office:
        found = await figures(office)
    lines = [f"accounts      {_counts(found.accounts)}", f"orders        {_counts(found.orders)}"]
    for each in found.certificates:
        facts = f"{each.living} living, {each.revoked} revoked, {each.lately} in the last 24 hours, {each.kept} kept"
        lines.append(f"{each.profile:<13} {facts}")
    output.result(found, *lines)
    return 0


def _counts(counts: object) -> str:
    shown = counts if isinstance(counts, Mapping) else {}
    return ", ".join(f"{count} {status}" for status, count in shown.items()) or "none"
