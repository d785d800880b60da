"""The command line: words in, words out.

Never here: decisions; those are the engine's.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run `evercert` with this process's arguments and end the process with its exit status."""
    import sys

    arguments = sys.argv[1:]
    if arguments in (["version"], ["--version"]):
        # Asked by scripts at every turn; answered before the command line is built, which costs
        # four times as much as starting Python.
        from evercert import __version__

        print(f"evercert {__version__}")
        sys.exit(0)
    from evercert.cli.start import run

    sys.exit(run(arguments))
