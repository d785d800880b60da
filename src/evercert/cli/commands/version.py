"""`evercert version`."""

from __future__ import annotations

import click

from evercert import __version__
from evercert.cli.output import Output

__all__ = ["command"]


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """The version of Evercert and of what it stands on."""
    if not as_json:
        print(f"evercert {__version__}")
        return
    import platform
    from importlib.metadata import version

    parts = {name: version(name) for name in ("apsw", "cryptography", "dnspython")}
    Output(json=True).result({"evercert": __version__, "python": platform.python_version(), **parts})
