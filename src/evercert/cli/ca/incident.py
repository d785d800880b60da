"""`evercert ca incident`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from evercert.cli.ca.folder import dir_option
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.group("incident")
def command() -> None:
    """Certificates that must be replaced before their time: their holders are told by ARI (RFC 9773)."""


@command.command("declare")
@click.argument("url")
@dir_option
@click.option("--within", default="24h", show_default=True, metavar="LENGTH", help="Spread the renewals over so long.")
@click.option("--name", default="", metavar="NAME", help="Of that name; * for anything.")
@click.option("--serial", default="", metavar="HEX", help="Whose serial number begins like that.")
@click.option("--profile", default="", help="Of that profile.")
@click.option("--issuer", default="", help="Of that issuer.")
@click.option("--account", "account_id", default=0, metavar="NUMBER", help="Of that account.")
@click.option(
    "--key", "key_digest", default="", metavar="SHA256", help="For that key (hex of its SubjectPublicKeyInfo)."
)
@framed
def declare(output: Output, settings: Settings, directory: Path | None, url: str, within: str, **given: Any) -> int:
    """Ask for the renewal of all living certificates that are meant, from now on. URL explains why to their holders.

    \b
    evercert ca incident declare https://status.corp.test/42 --issuer issuing-1 --within 12h
    """
    return in_loop(_declare(output, settings, directory, url, within, given))


async def _declare(
    output: Output, settings: Settings, directory: Path | None, url: str, within: str, given: dict[str, Any]
) -> int:
    from evercert.ca.operating import incident
    from evercert.ca.store.operating import Wanted
    from evercert.cli.ca.office import open_office_of
    from evercert.config.toml import span_from

    async with open_office_of(settings, directory) as office:
        count = await incident.declare(office, Wanted(**given), url, span_from(within))
    output.result({"certificates": count, "url": url}, f"{count} certificates are asked to be renewed within {within}")
    return 0


@command.command("close")
@click.argument("url")
@dir_option
@framed
def close(output: Output, settings: Settings, directory: Path | None, url: str) -> int:
    """Let the certificates that are not replaced yet live to their usual renewal."""
    return in_loop(_close(output, settings, directory, url))


async def _close(output: Output, settings: Settings, directory: Path | None, url: str) -> int:
    from evercert.ca.operating import incident
    from evercert.cli.ca.office import open_office_of

    async with open_office_of(settings, directory) as office:
        count = await incident.close(office, url)
    output.result({"certificates": count, "url": url}, f"closed; {count} certificates are renewed as usual again")
    return 0


@command.command("list")
@dir_option
@framed
def list_(output: Output, settings: Settings, directory: Path | None) -> int:
    """Every open incident, and how far it is."""
    return in_loop(_list(output, settings, directory))


async def _list(output: Output, settings: Settings, directory: Path | None) -> int:
    from evercert.ca.operating.incident import open_incidents
    from evercert.cli.ca.office import open_office_of
    from evercert.cli.display import when

    async with open_office_of(settings, directory) as office:
        found = await open_incidents(office)
    rows = [(each.explanation, f"{each.replaced} of {each.certificates}", when(each.end)) for each in found]
    output.table(found, ("URL", "REPLACED", "UNTIL"), rows)
    return 0
