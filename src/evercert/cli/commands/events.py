"""`evercert events`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from evercert.cli import completing
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]

_MANY = 1_000_000


@click.command("events")
@click.option("--follow", "-f", is_flag=True, help="Stay, and print what happens when it happens.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    shell_complete=completing.event_kinds,
    help="Only those of that kind; a shell pattern (deploy*). May be said several times.",
)
@click.option(
    "--certificate",
    metavar="NAME",
    shell_complete=completing.certificate_names,
    help="Only those about that certificate; a shell pattern.",
)
@click.option(
    "--since", metavar="WHEN", help="Those after an event's number, or since a time: 1200, 2h, 2026-12-20T18:00."
)
@click.option(
    "--limit",
    "--last",
    "limit",
    type=click.IntRange(0, _MANY),
    help="How many: the newest, or with --since the first.  [default: the newest 50, or all since]",
)
@click.option("--verify", is_flag=True, help="Check that no event was changed or taken away.")
@framed
def command(
    output: Output,
    settings: Settings,
    follow: bool,
    kinds: Sequence[str],
    certificate: str | None,
    since: str | None,
    limit: int | None,
    verify: bool,
) -> int:
    """What happened, oldest first; the record is append-only and hash-chained.

    With --json each event is an object in a line of its own; docs/events.md says what is in it.

    \b
    evercert events --kind 'deploy*' --since 24h
    evercert events --follow --json --since 1200  # all after event 1200, once each
    """
    from evercert.cli import history

    if verify:
        return in_loop(history.verify(output, settings))
    if follow and since is not None and limit is not None:
        raise click.UsageError("--follow has no end, so that --limit goes with --since alone, or with --follow alone")
    asked = history.Asked.of(kinds, certificate, since, limit)
    try:
        return in_loop(history.show(output, settings, asked, follow=follow))
    except KeyboardInterrupt:
        if not follow:
            raise
        return 0  # to be told to end is how following ends
