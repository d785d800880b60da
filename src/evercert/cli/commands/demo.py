"""`evercert demo`."""

from __future__ import annotations

from pathlib import Path

import click

from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("demo")
@framed
def command(output: Output, settings: Settings) -> int:
    """Watch the whole job on this machine: obtain, install, prove, renew, prove again."""
    return in_loop(_demo(output, settings))


async def _demo(output: Output, settings: Settings) -> int:
    from importlib import import_module
    from tempfile import TemporaryDirectory

    from evercert.demo.story import tell

    import_module("evercert.ca.node.serving")  # what a CA needs and is not installed is told here, with its hint
    with TemporaryDirectory(prefix="evercert-demo-") as folder:
        ending = await tell(settings, Path(folder), output.progress)
    output.result(
        ending,
        f"served one after another: {' → '.join(serial[:16] for serial in ending.serials)}",
        f"{ending.visits} visitors came meanwhile; {ending.failed_visits} were turned away",
        "next: evercert obtain www.example.com --http-01 --deploy nginx",
    )
    return 0 if ending.failed_visits == 0 else 1
