"""`evercert list`."""

from __future__ import annotations

import click

from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings
from evercert.model.state import State

__all__ = ["command"]

# A thousand years; what is much further away has no date.
_FAR = 365_000


@click.command("list")
@click.argument("pattern", default="*")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only those in this state.")
@click.option(
    "--expiring",
    type=click.IntRange(-_FAR, _FAR),
    metavar="DAYS",
    help="Only those whose certificate ends within so many days.",
)
@click.option("--owner", default="", help="Only those of this owner (as declared).")
@click.option("--tag", default="", help="Only those with this tag (as declared).")
@framed
def command(
    output: Output, settings: Settings, pattern: str, state: str | None, expiring: int | None, owner: str, tag: str
) -> int:
    """The certificates whose name matches PATTERN, what is served, and what happens next."""
    return in_loop(_list(output, settings, pattern, state, expiring, owner, tag))


async def _list(
    output: Output, settings: Settings, pattern: str, state: str | None, expiring: int | None, owner: str, tag: str
) -> int:
    from datetime import timedelta

    from evercert.base.clock import SystemClock
    from evercert.cli.display import listed_cells, listed_document
    from evercert.cli.store import reading
    from evercert.engine.installing import put_off
    from evercert.store import certificates, views

    now = SystemClock().now()
    async with reading(settings) as db:
        rows = await views.listed(
            db,
            now,
            match=pattern,
            states=[State(state)] if state else [],
            expiring_before=now + timedelta(days=expiring) if expiring is not None else None,
            owner=owner,
            tag=tag,
        )
        timed = [row.name for row in rows if row.timed and row.state is State.NOT_INSTALLED]
        waiting = {name: put_off(fact, now) for name, fact in (await certificates.facts(db, timed)).items()}
    if not rows and not output.json:
        chosen = pattern != "*" or state or expiring is not None or owner or tag
        get_one = "no certificates; get one with `evercert obtain www.example.com --http-01`"
        output.note("no certificate is like that; see all with `evercert list`" if chosen else get_one)
        return 0
    heads = ("NAME", "STATE", "LEFT", "NEXT", "CA", "NAMES")
    waits = [waiting.get(row.name, ()) for row in rows]
    documents = [listed_document(row, each) for row, each in zip(rows, waits, strict=True)] if output.json else ()
    output.table(documents, heads, [listed_cells(row, now, each) for row, each in zip(rows, waits, strict=True)])
    return 0
