"""`evercert run`."""

from __future__ import annotations

import click

from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("run")
@click.option("--once", is_flag=True, help="Do what is due and end: for a timer.")
@framed
def command(output: Output, settings: Settings, once: bool) -> int:
    """Stay, and keep every certificate renewed and served, for ever."""
    return in_loop(_run(output, settings, once))


async def _run(output: Output, settings: Settings, once: bool) -> int:
    from evercert.daemon.stay import stay
    from evercert.engine.wiring import open_engine

    async with open_engine(settings, output.progress) as engine:
        if once:
            await engine.worker.settle_due()
        else:
            await stay(engine)
    return 0
