"""`evercert events`."""

from __future__ import annotations

import click

from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("events")
@click.option("--last", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many.")
@click.option("--verify", is_flag=True, help="Check that no event was changed or taken away.")
@framed
def command(output: Output, settings: Settings, last: int, verify: bool) -> int:
    """What happened, oldest first; the record is append-only and hash-chained."""
    return in_loop(_events(output, settings, last, verify))


async def _events(output: Output, settings: Settings, last: int, verify: bool) -> int:
    from evercert.cli.display import event_line
    from evercert.cli.store import reading
    from evercert.store import events

    async with reading(settings) as db:
        if verify:
            count = await events.verify(db)
            output.result({"verified": count}, f"{count} events, none changed or missing")
            return 0
        happened = list(reversed(await events.latest(db, last)))
    output.result(happened, *(event_line(event) for event in happened))
    return 0
