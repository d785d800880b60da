"""`evercert ca list`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from evercert.cli.ca.folder import dir_option, has_ca
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("list")
@dir_option
@click.option("--known", is_flag=True, help="The public CAs that Evercert knows, although there is one here.")
@click.option("--name", default="", metavar="NAME", help="Of that name; * for anything.")
@click.option("--serial", default="", metavar="HEX", help="Whose serial number begins like that.")
@click.option("--profile", default="", help="Of that profile.")
@click.option("--issuer", default="", help="Of that issuer.")
@click.option("--account", "account_id", default=0, metavar="NUMBER", help="Of that account.")
@click.option("--state", type=click.Choice(["all", "valid", "revoked"]), default="all", show_default=True)
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1_000_000))
@framed
def command(output: Output, settings: Settings, directory: Path | None, known: bool, **given: Any) -> int:
    """The certificates that this machine's CA has issued, newest first; without a CA here, the CAs that are known."""
    if known or not has_ca(settings, directory):
        _known(output)
        return 0
    return in_loop(_issued(output, settings, directory, given))


def _known(output: Output) -> None:
    from evercert.acme.cas import KNOWN_CAS

    rows = [(ca.id, ca.name, "yes" if ca.eab else "no", ca.directory) for ca in KNOWN_CAS]
    output.table(KNOWN_CAS, ("ID", "NAME", "EAB", "DIRECTORY"), rows)


async def _issued(output: Output, settings: Settings, directory: Path | None, given: dict[str, Any]) -> int:
    from dataclasses import replace

    from evercert.ca.operating.office import state_of
    from evercert.ca.store.operating import Wanted, find
    from evercert.cli.ca.office import open_office_of, told
    from evercert.cli.display import few, when

    limit, state = given.pop("limit"), given.pop("state")
    async with open_office_of(settings, directory) as office:
        now = office.clock.now()
        wanted = Wanted(**given, revoked={"valid": False, "revoked": True}.get(state))
        if state == "valid":
            wanted = replace(wanted, alive_at=now)
        found = await find(office.db, wanted, limit)
    rows = [
        (each.serial, state_of(each, now), when(each.not_after), few([*map(str, each.identifiers)])) for each in found
    ]
    output.table([told(each, now) for each in found], ("SERIAL", "STATE", "UNTIL", "NAMES"), rows)
    return 0
