"""`evercert plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evercert.cli.frame import configured, framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

if TYPE_CHECKING:
    from evercert.db.protocol import Database

__all__ = ["command"]

_FAILED, _CHANGES = 1, 2


@click.command("plan")
@click.option("--detailed-exitcode", is_flag=True, help="End with 0 for nothing to do, 2 for changes, 1 for an error.")
@framed
@configured
def command(output: Output, settings: Settings, detailed_exitcode: bool) -> int:
    """What the declaration would change, and why. Changes nothing.

    \b
    evercert plan                        # evercert.toml in this folder
    evercert plan --config /etc/evercert # all *.toml below it
    """
    status, changes = in_loop(_plan(output, settings))
    if not detailed_exitcode:
        return status
    return _FAILED if status else _CHANGES if changes else 0


async def _plan(output: Output, settings: Settings) -> tuple[int, bool]:
    """The exit status, and whether anything would change."""
    from evercert.cli.store import looking
    from evercert.engine.declaring.applying import unchanged

    async with looking(settings) as db:
        count = await unchanged(db, settings.declaration, settings)
        if count is None:
            return await _compared(output, settings, db)
    output.result({"changes": [], "unchanged": count, "warnings": []}, f"nothing to do; {count} unchanged")
    return 0, False


async def _compared(output: Output, settings: Settings, db: Database) -> tuple[int, bool]:
    from evercert.base.clock import SystemClock
    from evercert.cli.declaring import comparison_document, comparison_lines, tell_doubts, tell_faults
    from evercert.config.declaration.faults import Faulty
    from evercert.engine.declaring.comparing import compared_with
    from evercert.engine.declaring.doubtful import doubtful
    from evercert.engine.wiring import open_checks

    async with open_checks(settings) as (targets, secrets):
        try:
            comparison = await compared_with(db, settings, targets, secrets)
        except Faulty as faulty:
            return tell_faults(output, faulty), False
        doubts = await doubtful(db, comparison, targets)
    now = SystemClock().now()
    tell_doubts(output, doubts)
    output.result(comparison_document(comparison, doubts, now), *comparison_lines(comparison, now))
    return 0, bool(comparison.changes)
