"""`evercert run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

if TYPE_CHECKING:
    from evercert.engine.wiring import Engine

__all__ = ["command"]


@click.command("run")
@click.option("--once", is_flag=True, help="Do what is due and end: for a timer.")
@framed
def command(output: Output, settings: Settings, once: bool) -> int:
    """Stay, and keep every certificate renewed and served, for ever."""
    if once:
        return in_loop(_run(output, settings, once))
    try:
        return in_loop(_run(output, settings, once))
    except KeyboardInterrupt:
        # To be told to end is how staying ends: for a service manager that is success.
        output.note("ended; what was begun is kept, and gone on with next time")
        return 0


async def _run(output: Output, settings: Settings, once: bool) -> int:
    from evercert.cli.outcome import report_outcome
    from evercert.cli.store import nothing_due
    from evercert.daemon.stay import stay
    from evercert.engine.wiring import open_engine

    if once and await nothing_due(output, settings):
        return 0
    async with open_engine(settings, output.progress) as engine:
        if once:
            return await report_outcome(output, engine, await engine.worker.settle_due())
        output.note(await _watched(engine))
        await stay(engine)
    return 0


async def _watched(engine: Engine) -> str:
    from evercert.cli.display import when
    from evercert.store import certificates, views

    count = len(await views.listed(engine.db, engine.clock.now()))
    following = when(await certificates.next_action_at(engine.db))
    return f"watching over {count} certificates in {engine.settings.home}; next look {following}"
