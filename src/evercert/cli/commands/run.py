"""`evercert run`."""

from __future__ import annotations

import click

from evercert.cli.frame import configured, framed, in_loop
from evercert.cli.output import Output
from evercert.cli.units import UNITS, unit_text
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("run")
@click.option("--once", is_flag=True, help="Do what is due and end: for a timer.")
@click.option("--print-unit", type=click.Choice(UNITS), help="Print a unit file for systemd and end.")
@framed
@configured
def command(output: Output, settings: Settings, once: bool, print_unit: str | None) -> int:
    """Stay, and keep every certificate renewed and served, for ever.

    With --config (or EVERCERT_CONFIG) what is declared there is what is wanted: at the start, and after each change.

    \b
    evercert run --print-unit evercert.service > /etc/systemd/system/evercert.service
    """
    if print_unit:
        text = unit_text(print_unit)
        output.result({"name": print_unit, "text": text}, text.rstrip("\n"))
        return 0
    if once:
        return in_loop(_look(output, settings))
    try:
        return in_loop(_stay(output, settings))
    except KeyboardInterrupt:
        # To be told to end is how staying ends: for a service manager that is success.
        output.note("ended; what was begun is kept, and gone on with next time")
        return 0


async def _look(output: Output, settings: Settings) -> int:
    from evercert.cli.store import nothing_due

    if not settings.config and await nothing_due(output, settings):
        return 0
    from evercert.cli.outcome import report_outcome
    from evercert.daemon.following import Following
    from evercert.engine.wiring import open_engine

    async with open_engine(settings, output.progress) as engine:
        if settings.config:
            await Following(engine).look()
        return await report_outcome(output, engine, await engine.worker.settle_due())


async def _stay(output: Output, settings: Settings) -> int:
    from evercert.cli.display import when
    from evercert.daemon.stay import stay
    from evercert.engine.wiring import open_engine
    from evercert.store import certificates

    async with open_engine(settings, output.progress) as engine:
        first = when(await certificates.next_action_at(engine.db))
        output.note(f"watching over the certificates in {settings.home}; the first is due {first}")
        await stay(engine)
    return 0
