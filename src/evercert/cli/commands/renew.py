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
    from evercert.cli.store import existing, nothing_due

    # A timer asks this many times a day; the engine is not even imported when there is nothing to do.
    if not names and await nothing_due(output, settings):
        return 0
    from evercert.cli.outcome import report_outcome
    from evercert.engine.wiring import open_engine
    from evercert.store import certificates

    async with open_engine(settings, output.progress) as engine:
        if not names:
            worked_on = await engine.worker.settle_due()
            return await report_outcome(output, engine, worked_on)
        for name in names:
            await existing(engine.db, name)
            await certificates.wake(engine.db, name, engine.clock.now(), forced=force)
        await engine.worker.settle_all(names)
        return await report_outcome(output, engine, names)
