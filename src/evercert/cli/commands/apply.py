"""`evercert apply`."""

from __future__ import annotations

import click

from evercert.cli.frame import configured, confirm, framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("apply")
@click.option("--no-wait", is_flag=True, help="Write it down and end; `evercert run` does it.")
@click.option("--yes", is_flag=True, help="Do not ask before certificates are revoked or forgotten.")
@framed
@configured
def command(output: Output, settings: Settings, no_wait: bool, yes: bool) -> int:
    """Make what is declared what is wanted, then issue, install and let go what that asks for."""
    return in_loop(_apply(output, settings, wait=not no_wait, yes=yes))


async def _apply(output: Output, settings: Settings, *, wait: bool, yes: bool) -> int:
    from evercert.cli.declaring import comparison_document, comparison_lines, tell_doubts, tell_faults
    from evercert.cli.insisting import look_again
    from evercert.cli.outcome import report_outcome
    from evercert.config.declaration.faults import Faulty
    from evercert.engine.declaring.applying import apply
    from evercert.engine.declaring.comparing import compared
    from evercert.engine.declaring.doubtful import doubtful
    from evercert.engine.wiring import open_engine

    async with open_engine(settings, output.progress) as engine:
        try:
            comparison = await compared(engine)
        except Faulty as faulty:
            return tell_faults(output, faulty)
        doubts = await doubtful(engine.db, comparison, engine.targets)
        tell_doubts(output, doubts)
        if comparison.losing:
            confirm(yes, _question(comparison.losing))
        await apply(engine.db, comparison, engine.clock.now())
        now = engine.clock.now()
        document, lines = comparison_document(comparison, doubts, now), [*comparison_lines(comparison, now)]
        if not (wait and comparison.changes):
            output.result(document, *lines)
            return 0
        if not output.json:
            output.result(document, *lines)
        names = [change.name for change in comparison.changes]
        await engine.worker.settle_due()
        await look_again(engine, names, lambda _: engine.worker.settle_due())
        if comparison.waits:  # what it waited for may have come
            await apply(engine.db, await compared(engine), engine.clock.now())
            await engine.worker.settle_due()
        return await report_outcome(output, engine, names, document)


def _question(names: list[str]) -> str:
    few = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"Revoke or forget {few}, which are declared no longer?"
