"""`evercert ca admin`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evercert.cli.ca.folder import dir_option
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

if TYPE_CHECKING:
    from evercert.ca.store.tokens import Role

__all__ = ["command"]


@click.group("admin")
def command() -> None:
    """The admin API of this machine's CA ([admin] in ca.toml; docs/ca-admin.md)."""


@command.group("token")
def token() -> None:
    """Tokens, by which programs and people come in."""


@token.command("add")
@click.argument("name")
@dir_option
@click.option("--role", type=click.Choice(["read", "operate"]), default="read", show_default=True)
@click.option("--expires", metavar="LENGTH", default="90d", show_default=True, help="24h, 30d ... or never.")
@framed
def add(output: Output, settings: Settings, directory: Path | None, name: str, role: Role, expires: str) -> int:
    """Hand out a token to NAME, who stands in the audit for what is done with it. It is shown this once."""
    return in_loop(_add(output, settings, directory, name, role, expires))


async def _add(output: Output, settings: Settings, directory: Path | None, name: str, role: Role, expires: str) -> int:
    from evercert.ca.operating.tokens import hand_out_token
    from evercert.cli.ca.office import open_office_of
    from evercert.config.toml import span_from

    async with open_office_of(settings, directory) as office:
        end = None if expires == "never" else office.clock.now() + span_from(expires)
        made, words = await hand_out_token(office, name, role, end)
    told = {"id": made.id, "token": words.text(), "role": role, "expires_at": end}
    output.result(told, f"id     {made.id}", f"token  {words.text()}")
    return 0


@token.command("list")
@dir_option
@framed
def list_(output: Output, settings: Settings, directory: Path | None) -> int:
    """Every token that was handed out, newest first; never the tokens themselves."""
    return in_loop(_list(output, settings, directory))


async def _list(output: Output, settings: Settings, directory: Path | None) -> int:
    from dataclasses import replace

    from evercert.ca.store.tokens import newest
    from evercert.cli.ca.office import open_office_of
    from evercert.cli.display import when

    async with open_office_of(settings, directory) as office:
        found = [replace(each, digest="") for each in await newest(office.db)]
        now = office.clock.now()
    rows = [
        (each.id, "in use" if each.is_good(now) else "ended", each.role, when(each.expires_at), each.name)
        for each in found
    ]
    output.table(found, ("ID", "STATE", "ROLE", "UNTIL", "WHOSE"), rows)
    return 0


@token.command("revoke")
@click.argument("token_id", metavar="ID")
@dir_option
@framed
def revoke(output: Output, settings: Settings, directory: Path | None, token_id: str) -> int:
    """Take a token back: nobody comes in with it any more."""
    return in_loop(_revoke(output, settings, directory, token_id))


async def _revoke(output: Output, settings: Settings, directory: Path | None, token_id: str) -> int:
    from evercert.ca.operating.tokens import take_token_back
    from evercert.cli.ca.office import open_office_of

    async with open_office_of(settings, directory) as office:
        await take_token_back(office, token_id)
    output.result({"id": token_id}, f"{token_id} is taken back")
    return 0
