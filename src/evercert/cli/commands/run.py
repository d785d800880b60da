"""`evercert run`."""

from __future__ import annotations

from contextlib import suppress

import click

from evercert.base.errors import Exit
from evercert.cli.frame import configured, framed, in_loop
from evercert.cli.output import Output
from evercert.cli.units import UNITS, unit_text
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("run")
@click.option("--once", is_flag=True, help="Do what is due and end: for a timer.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, help="So many processes of this machine.")
@click.option("--print-unit", type=click.Choice(UNITS), help="Print a unit file for systemd and end.")
@framed
@configured
def command(output: Output, settings: Settings, once: bool, workers: int, print_unit: str | None) -> int:
    """Stay, and keep every certificate renewed and served, for ever.

    With --config (or EVERCERT_CONFIG) what is declared there is what is wanted: at the start, and after each change.
    Any number of machines may run it on one PostgreSQL (EVERCERT_DATABASE). Told to end, it finishes the steps that
    it is at; told again, it leaves them to the next one.

    \b
    evercert run --print-unit evercert.service > /etc/systemd/system/evercert.service
    """
    if print_unit:
        text = unit_text(print_unit)
        output.result({"name": print_unit, "text": text}, text.rstrip("\n"))
        return 0
    if once:
        return in_loop(_look(output, settings))
    work = _stay(output, settings) if workers == 1 else _keep_crew(output, settings, workers)
    with suppress(KeyboardInterrupt):  # told a second time
        in_loop(work)
    # To be told to end is how staying ends: for a service manager that is success.
    output.note("ended; what was begun is kept, and gone on with next time")
    return 0


async def _look(output: Output, settings: Settings) -> int:
    from evercert.cli.store import nothing_due

    if not settings.config and await nothing_due(output, settings, nor_to_tell=True):
        return 0
    from evercert.base.collecting import pass_over_what_there_is
    from evercert.cli.outcome import report_outcome
    from evercert.daemon.following import Following
    from evercert.engine.incident.carrying import settle
    from evercert.engine.wiring import open_engine

    async with open_engine(settings, output.progress) as engine:
        pass_over_what_there_is()
        following = Following(engine)
        if settings.config:
            await following.look()
        done = await settle(engine.worker, engine.incidents)
        await engine.notifying.settle()
        status = await report_outcome(output, engine, done)
        return Exit.USAGE.value if following.refuses else status


async def _stay(output: Output, settings: Settings) -> None:
    from evercert.base.collecting import pass_over_what_there_is
    from evercert.cli.display import when
    from evercert.cli.frame import told_to_end
    from evercert.daemon.crew import FIRST, kept
    from evercert.daemon.stay import stay
    from evercert.engine.wiring import open_engine
    from evercert.store import certificates

    with told_to_end() as ending, kept(settings.environ, ending):
        async with open_engine(settings, output.progress) as engine:
            due = await certificates.next_action_at(engine.db)
            first = f"the first is due {when(due)}" if due else "there are none yet"
            output.note(f"watching over the certificates in {_store(settings)}; {first}")
            pass_over_what_there_is()
            await stay(engine, ending, first=settings.environ.get(FIRST) != "0")


async def _keep_crew(output: Output, settings: Settings, workers: int) -> None:
    from evercert.base.clock import SystemClock
    from evercert.cli.frame import told_to_end
    from evercert.daemon.crew import keep_crew

    arguments = ["run", "--home", str(settings.home), *(["--config", settings.config] if settings.config else ())]
    with told_to_end() as ending:
        output.note(f"{workers} workers watch over the certificates in {_store(settings)}")
        await keep_crew(workers, arguments, settings.environ, ending, SystemClock(), output.note)


def _store(settings: Settings) -> str:
    """Where the certificates are: what nodes have in common. A password is never written out there."""
    return settings.database.partition("?")[0] or str(settings.home)
