"""`evercert ca limits`."""

from __future__ import annotations

from pathlib import Path

import click

from evercert.cli.ca.folder import dir_option
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.group("limits")
def command() -> None:
    """Limits of this machine's CA ([limits], [overrides] and [pause] in ca.toml)."""


@command.command("show")
@click.argument("about", default="")
@dir_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@framed
def show(output: Output, settings: Settings, directory: Path | None, about: str, limit: int) -> int:
    """The buckets that something was taken from lately; of those that have ABOUT in them: an account's number, a name,
    an external account, an address. One for a set of names is found by its account."""
    return in_loop(_show(output, settings, directory, about, limit))


async def _show(output: Output, settings: Settings, directory: Path | None, about: str, limit: int) -> int:
    from evercert.ca.operating.rationing import buckets
    from evercert.cli.ca.office import open_office_of
    from evercert.cli.display import few, when

    async with open_office_of(settings, directory) as office:
        found = await buckets(office, about, limit)
    rows = [
        (
            each.limit,
            f"{each.key.partition(' ')[0]} {few(each.names)}" if each.names else each.key,
            f"{each.taken} of {each.count}{' (override)' if each.is_overridden else ''}",
            when(each.full_at),
        )
        for each in found
    ]
    output.table(found, ("LIMIT", "WHOSE", "TAKEN", "FULL AGAIN"), rows)
    return 0


@command.command("paused")
@dir_option
@click.option("--account", "account_id", default=0, metavar="NUMBER", help="Of that account.")
@framed
def paused(output: Output, settings: Settings, directory: Path | None, account_id: int) -> int:
    """The names that are not tried any more, because they failed too often in a row."""
    return in_loop(_paused(output, settings, directory, account_id))


async def _paused(output: Output, settings: Settings, directory: Path | None, account_id: int) -> int:
    from evercert.ca.store.pauses import newest
    from evercert.cli.ca.office import open_office_of
    from evercert.cli.display import when

    async with open_office_of(settings, directory) as office:
        found = await newest(office.db, 1000, account_id)
    rows = [(str(each.account_id), each.identifier, str(each.failures), when(each.paused_at)) for each in found]
    output.table(found, ("ACCOUNT", "NAME", "FAILURES", "SINCE"), rows)
    return 0


@command.command("unpause")
@click.argument("account_id", metavar="ACCOUNT", type=int)
@click.argument("name")
@dir_option
@framed
def unpause(output: Output, settings: Settings, directory: Path | None, account_id: int, name: str) -> int:
    """Let a name be tried again for an account."""
    return in_loop(_unpause(output, settings, directory, account_id, name))


async def _unpause(output: Output, settings: Settings, directory: Path | None, account_id: int, name: str) -> int:
    from evercert.ca.operating.rationing import unpause
    from evercert.cli.ca.office import open_office_of

    async with open_office_of(settings, directory) as office:
        await unpause(office, account_id, name)
    output.result({"account": account_id, "name": name}, f"{name} may be tried again for account {account_id}")
    return 0
