"""`evercert tasks`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from evercert.cli import completing
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]

# As store/tasks.py has them; that is not imported for a word of help.
_STATES = ("due", "running", "waiting", "held", "failed", "stopped")

_MANY = 1_000_000_000

_names = click.argument("names", nargs=-1, required=True, shell_complete=completing.certificate_names)


@click.group("tasks", invoke_without_command=True)
@click.option("--state", type=click.Choice(_STATES), help="Only those of which this is true.")
@click.option("--match", metavar="PATTERN", default="*", help="Only those whose name is like that.")
@click.option(
    "--limit", type=click.IntRange(0, _MANY), default=100, show_default=True, help="At most so many lines; 0 for all."
)
@framed
def command(output: Output, settings: Settings, state: str | None, match: str, limit: int) -> int:
    """What is to be done and what waits, what is due first first: one line for each certificate.

    \b
    due       it waits for a worker          held     a limit of the CA leaves no room yet
    running   somebody works on it now       failed   the last attempt failed
    waiting   it waits for its time          stopped  nothing is done until somebody resumes it
    """
    if click.get_current_context().invoked_subcommand:
        return 0
    from evercert.cli import tasks

    return in_loop(tasks.show(output, settings, state, match, limit))


@command.command("run")
@_names
@framed
def run(output: Output, settings: Settings, names: Sequence[str]) -> int:
    """Do what there is to do for these now, here, although it waits after a failure, or to be installed."""
    from evercert.cli import tasks

    return in_loop(tasks.run(output, settings, names))


@command.command("retry")
@click.argument("names", nargs=-1, shell_complete=completing.certificate_names)
@click.option("--all-failed", is_flag=True, help="All whose last attempt failed.")
@framed
def retry(output: Output, settings: Settings, names: Sequence[str], all_failed: bool) -> int:
    """Have those that failed tried again now, by whoever runs `evercert run`."""
    if all_failed == bool(names):
        raise click.UsageError("name the certificates, or say --all-failed")
    from evercert.cli import tasks

    return in_loop(tasks.retry(output, settings, names))


@command.command("cancel")
@click.argument("name", shell_complete=completing.certificate_names)
@click.option("--reason", metavar="TEXT", default="by hand", show_default=True, help="Why, for whoever wonders.")
@framed
def cancel(output: Output, settings: Settings, name: str, reason: str) -> int:
    """Give up an order that is open, take its challenge answers away, and stop the certificate: no CA is asked for it
    until `evercert tasks resume`. What was issued stays, and is installed.
    """
    from evercert.cli import tasks

    return in_loop(tasks.cancel(output, settings, name, reason))


@command.command("resume")
@_names
@framed
def resume(output: Output, settings: Settings, names: Sequence[str]) -> int:
    """Let stopped certificates go on; whoever runs `evercert run` does what is due."""
    from evercert.cli import tasks

    return in_loop(tasks.resume(output, settings, names))
