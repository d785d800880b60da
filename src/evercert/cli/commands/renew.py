"""`evercert renew`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from evercert.cli import completing
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("renew")
@click.argument("names", nargs=-1, shell_complete=completing.certificate_names)
@click.option("--force", is_flag=True, help="Renew the named certificates although they are not due.")
@framed
def command(output: Output, settings: Settings, names: Sequence[str], force: bool) -> int:
    """Do all that is due: renew, install, ask the CAs when to renew, take leftovers away.

    Without names, for every certificate; run it as often as you like, or let `evercert run` stay.
    """
    if force and not names:
        raise click.UsageError("--force needs the names of the certificates to renew")
    return in_loop(_renew(output, settings, names, force))


async def _renew(output: Output, settings: Settings, names: Sequence[str], force: bool) -> int:
    from evercert.cli.store import nothing_due

    # A timer asks this many times a day; the engine is not even imported when there is nothing to do.
    if not names and await nothing_due(output, settings):
        return 0
    if names:
        from evercert.cli.tasks import run

        return await run(output, settings, names, forced=force)
    from evercert.base.collecting import pass_over_what_there_is
    from evercert.cli.outcome import report_outcome
    from evercert.engine.incident.carrying import settle
    from evercert.engine.wiring import open_engine

    async with open_engine(settings, output.progress) as engine:
        pass_over_what_there_is()
        return await report_outcome(output, engine, await settle(engine.worker, engine.incidents))
