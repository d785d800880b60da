"""`evercert ca audit`."""

from __future__ import annotations

from pathlib import Path

import click

from evercert.cli.ca.folder import dir_option
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.group("audit")
def command() -> None:
    """What this machine's CA issued and refused, and what operators did."""


@command.command("list")
@dir_option
@click.option("--kind", default="", help="Only of that kind: issued, refused, revoked, account ...")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@framed
def list_(output: Output, settings: Settings, directory: Path | None, kind: str, limit: int) -> int:
    """The newest records, newest first."""
    return in_loop(_list(output, settings, directory, kind, limit))


async def _list(output: Output, settings: Settings, directory: Path | None, kind: str, limit: int) -> int:
    from evercert.ca.operating.auditing import latest
    from evercert.cli.ca.office import open_office_of
    from evercert.cli.display import when, worded

    async with open_office_of(settings, directory) as office:
        records = await latest(office.db, limit, kind)
    bodies = ({key: value for key, value in each.body.items() if value not in ("", [], None)} for each in records)
    words = (" ".join(f"{key}={worded(value)}" for key, value in body.items()) for body in bodies)
    rows = [(str(each.id), when(each.at), each.kind, said) for each, said in zip(records, words, strict=True)]
    output.table(records, ("NUMBER", "AT", "KIND", "WHAT"), rows)
    return 0


@command.command("verify")
@dir_option
@click.option("--number", type=int, help="Of a record that is known from elsewhere ...")
@click.option("--hash", "digest", metavar="HEX", help="... and its hash.")
@framed
def verify(output: Output, settings: Settings, directory: Path | None, number: int | None, digest: str | None) -> int:
    """Prove that no record was changed, removed or put in between.

    Keep what it prints somewhere else, and say it the next time: that is what shows a chain that was made anew.
    """
    if (number is None) != (digest is None):
        raise click.UsageError("--number and --hash go together")
    known = (number, digest) if number is not None and digest is not None else None
    return in_loop(_verify(output, settings, directory, known))


async def _verify(output: Output, settings: Settings, directory: Path | None, known: tuple[int, str] | None) -> int:
    from evercert.ca.operating.auditing import verify as prove
    from evercert.cli.ca.office import open_office_of

    async with open_office_of(settings, directory) as office:
        proved = await prove(office.db, known)
    output.result(
        proved, f"{proved.records} records follow one another", f"newest: --number {proved.id} --hash {proved.hash}"
    )
    return 0
