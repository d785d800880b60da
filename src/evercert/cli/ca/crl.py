"""`evercert ca crl`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evercert.cli.ca.folder import ca_folder, dir_option
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

if TYPE_CHECKING:
    from evercert.ca.store.crls import PublishedList

__all__ = ["command"]


@click.group("crl")
def command() -> None:
    """Lists of what this machine's CA has revoked. A server makes them by itself, soon after each revocation."""


@command.command("list")
@dir_option
@framed
def list_(output: Output, settings: Settings, directory: Path | None) -> int:
    """Every list that is served: how many entries it has, and until when it may be believed."""
    return in_loop(_list(output, settings, directory))


async def _list(output: Output, settings: Settings, directory: Path | None) -> int:
    from evercert.ca.store import crls
    from evercert.cli.ca.office import open_office_of

    async with open_office_of(settings, directory) as office:
        _show(output, await crls.newest(office.db))
    return 0


@command.command("make")
@dir_option
@framed
def make(output: Output, settings: Settings, directory: Path | None) -> int:
    """Make all of them anew now, whether a server runs or not."""
    return in_loop(_make(output, settings, directory))


async def _make(output: Output, settings: Settings, directory: Path | None) -> int:
    from evercert.ca.operating.listing import make_now
    from evercert.cli.ca.office import open_office_of

    async with open_office_of(settings, directory) as office:
        _show(output, await make_now(office, ca_folder(settings, directory), settings.environ))
    return 0


@command.command("export")
@click.argument("issuer")
@dir_option
@click.option("--partition", type=click.IntRange(0, 9_999_999), default=0, help="The part; 0, the default: the whole.")
@click.option("--delta", is_flag=True, help="What came since the list that it goes on from.")
@click.option("--der", is_flag=True, help="As it is served; else PEM.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file (default: standard output).")
@framed
def export(output: Output, settings: Settings, directory: Path | None, **given: Any) -> int:
    """Write the newest list of an issuer, for whoever cannot fetch it.

    \b
    evercert ca crl export issuing-1 --out /etc/nginx/crl.pem
    """
    return in_loop(_export(output, settings, directory, given))


async def _export(output: Output, settings: Settings, directory: Path | None, given: dict[str, Any]) -> int:
    from evercert.ca.operating.listing import octets
    from evercert.ca.store.crls import ListKey
    from evercert.cli.ca.office import open_office_of
    from evercert.host.files import write_durably
    from evercert.pki.der import pem

    if given["der"] and given["out"] is None:
        raise click.UsageError("--der wants --out")
    key = ListKey(given["issuer"], given["partition"], given["delta"])
    async with open_office_of(settings, directory) as office:
        found = await octets(office, key)
    text, out = pem("X509 CRL", found), given["out"]
    if out is None:
        output.result({"pem": text}, text.rstrip())
        return 0
    written = found if given["der"] else text.encode()
    write_durably(out, written, 0o644)
    output.result({"file": str(out), "octets": len(written)}, f"written to {out}")
    return 0


def _show(output: Output, lists: list[PublishedList]) -> None:
    from evercert.ca.status.places import path_of
    from evercert.cli.display import when

    told = [
        {
            "path": path_of(each.key),
            "issuer": each.key.issuer,
            "partition": each.key.partition,
            "delta": each.key.delta,
            "number": each.number,
            "entries": each.entries,
            "this_update": each.this_update,
            "next_update": each.next_update,
            "octets": each.octets,
            "sha256": each.digest,
        }
        for each in lists
    ]
    rows = [
        (path_of(each.key), str(each.number), str(each.entries), when(each.this_update), when(each.next_update))
        for each in lists
    ]
    output.table(told, ("LIST", "NUMBER", "ENTRIES", "MADE", "UNTIL"), rows)
