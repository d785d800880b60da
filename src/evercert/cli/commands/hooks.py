"""`evercert hooks`."""

from __future__ import annotations

import click

from evercert.cli import completing
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]

_name = click.argument("name", shell_complete=completing.hook_names)


@click.group("hooks")
def command() -> None:
    """Who is told of events. They are declared in evercert.toml ([hooks.NAME]) and told by `evercert run`."""


@command.command("list")
@framed
def show(output: Output, settings: Settings) -> int:
    """Each hook: which events it is told of, how far it is, and what it did not take."""
    from evercert.cli import hooks

    return in_loop(hooks.show(output, settings))


@command.command("test")
@_name
@framed
def test(output: Output, settings: Settings, name: str) -> int:
    """Hand it a sample event (`hook-test`) now, once, from this process."""
    from evercert.cli import hooks

    return in_loop(hooks.test(output, settings, name))


@command.command("retry")
@_name
@click.option("--skip", is_flag=True, help="Never hand it the event that it did not take; go on with the next.")
@framed
def retry(output: Output, settings: Settings, name: str, skip: bool) -> int:
    """Have it told again now, although it waits after a failure, by whoever runs `evercert run`."""
    from evercert.cli import hooks

    return in_loop(hooks.retry(output, settings, name, skip))
