"""From arguments to an exit status: every error is mapped here, once."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from evercert.base.errors import EvercertError, Exit
from evercert.cli.app import app
from evercert.cli.output import Output

__all__ = ["run"]

# What a shell reports for a program that SIGINT ended: 128 + 2.
_INTERRUPTED = 130


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status (`Exit`, or 130 after Ctrl-C)."""
    output = Output(json="--json" in arguments)
    try:
        status = app.main(list(arguments), prog_name="evercert", standalone_mode=False)
    except EvercertError as error:
        output.error(error)
        return error.code.exit.value
    except click.ClickException as error:
        return _usage(error)
    except (click.Abort, KeyboardInterrupt):
        print("evercert: interrupted; what was begun is kept and gone on with next time", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`evercert list | head`): not an error of ours.
        sys.stdout = None  # keeps the interpreter from flushing into the closed pipe
        return Exit.OK.value
    return status if isinstance(status, int) else Exit.OK.value


def _usage(error: click.ClickException) -> int:
    message = error.format_message().rstrip(".")
    print(f"evercert: error: {message[:1].lower()}{message[1:]}", file=sys.stderr)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        print(f"evercert: hint: see {error.ctx.command_path} --help", file=sys.stderr)
    return Exit.USAGE.value
