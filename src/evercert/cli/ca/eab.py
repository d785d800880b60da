"""`evercert ca eab`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from evercert.cli.ca.folder import dir_option
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.group("eab")
def command() -> None:
    """External accounts: who may register at this machine's CA, and for what names."""


@command.command("add")
@dir_option
@click.option("--label", default="", help="For whom; shown in lists.")
@click.option("--many", "reusable", is_flag=True, help="For any number of accounts; else the first one uses it up.")
@click.option(
    "--name", "names", multiple=True, metavar="NAME", help="What its accounts may order: .corp.test, 10.0.0.0/8."
)
@click.option("--authorize", "authorizes", is_flag=True, help="Those names need no challenge: the key is the proof.")
@click.option("--profile", "profiles", multiple=True, help="The profiles that its accounts may order (default: all).")
@click.option("--expires", metavar="LENGTH", help="After which nobody registers with it: 24h, 30d.")
@framed
def add(output: Output, settings: Settings, directory: Path | None, **given: Any) -> int:
    """Hand out a key. It is shown this once: nobody can read it again."""
    return in_loop(_add(output, settings, directory, given))


async def _add(output: Output, settings: Settings, directory: Path | None, given: dict[str, Any]) -> int:
    from evercert.ca.operating.external import hand_out
    from evercert.cli.ca.office import open_office_of
    from evercert.config.toml import span_from

    expires = given.pop("expires")
    async with open_office_of(settings, directory) as office:
        end = office.clock.now() + span_from(expires) if expires else None
        out = await hand_out(office, **given, expires_at=end)
    key = out.hmac_key.text()
    output.result({"kid": out.key.kid, "hmac_key": key}, f"kid       {out.key.kid}", f"hmac key  {key}")
    return 0


@command.command("list")
@dir_option
@framed
def list_(output: Output, settings: Settings, directory: Path | None) -> int:
    """Every key that was handed out, newest first; never the keys themselves."""
    return in_loop(_list(output, settings, directory))


async def _list(output: Output, settings: Settings, directory: Path | None) -> int:
    from dataclasses import replace

    from evercert.ca.store.eab import newest
    from evercert.cli.ca.office import open_office_of
    from evercert.cli.display import when

    async with open_office_of(settings, directory) as office:
        keys = [replace(each, sealed=b"") for each in await newest(office.db)]
        now = office.clock.now()
    rows = [
        (each.kid, "in use" if each.is_good(now) else "ended", str(each.uses), when(each.expires_at), each.label)
        for each in keys
    ]
    output.table(keys, ("KID", "STATE", "USES", "UNTIL", "FOR"), rows)
    return 0


@command.command("revoke")
@click.argument("kid")
@dir_option
@framed
def revoke(output: Output, settings: Settings, directory: Path | None, kid: str) -> int:
    """Take a key back: nobody registers with it, and accounts that did order nothing more."""
    return in_loop(_revoke(output, settings, directory, kid))


async def _revoke(output: Output, settings: Settings, directory: Path | None, kid: str) -> int:
    from evercert.ca.operating.external import take_back
    from evercert.cli.ca.office import open_office_of

    async with open_office_of(settings, directory) as office:
        await take_back(office, kid)
    output.result({"kid": kid}, f"{kid} is taken back")
    return 0
