"""`evercert completion`."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a completion script: evercert completion bash > /etc/bash_completion.d/evercert"""
    from click.shell_completion import get_completion_class

    from evercert.cli.app import app

    kind = get_completion_class(shell)
    if kind is not None:
        print(kind(app, {}, "evercert", "_EVERCERT_COMPLETE").source())
