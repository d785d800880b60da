"""From arguments to an exit status: every error is mapped here, once."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

import click

from evercert.base.errors import EvercertError, Exit
from evercert.cli.app import app
from evercert.cli.output import Output

__all__ = ["run"]

# The libraries of the extras in pyproject.toml that whole commands stand on.
_EXTRAS = {"httptools": "ca", "prometheus_client": "ca", "pkilint": "ca", "asyncpg": "postgres", "pkcs11": "pkcs11"}

# How click ends what it says of a word that is near others.
_MEANT = re.compile(r"\.? \(?Did you mean (?:one of: )?(.+?)\?\)?$")

# What a shell reports for a program that SIGINT ended: 128 + 2.
_INTERRUPTED = 130


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status (`Exit`, or 130 after Ctrl-C or SIGTERM)."""
    _open_what_is_closed()
    if logging.lastResort:  # what a room below warns of, where nobody has set up a log
        logging.lastResort.setFormatter(logging.Formatter("evercert: warning: %(message)s"))
    output = Output(json="--json" in arguments)
    _take_every_script(output.json)
    try:
        return _status(arguments, output)
    finally:
        _lose_what_cannot_be_said()


def _status(arguments: Sequence[str], output: Output) -> int:
    try:
        status = app.main(list(arguments), prog_name="evercert", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as asked:
        print(asked.format_message(), file=sys.stderr)
        return Exit.USAGE.value
    except (click.Abort, KeyboardInterrupt):
        output.warn("interrupted; what was begun is kept, and gone on with next time")
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`evercert list | head`): not an error of ours.
        return Exit.OK.value
    except Exception as raised:  # an edge: whatever it was, a person or a script is told the same way
        error = _no_text(raised, arguments) or _error(raised)
        output.error(error)
        # The 2 of `plan --detailed-exitcode` says that there are changes, and of no error.
        return Exit.FAILED.value if "--detailed-exitcode" in arguments else error.code.exit.value
    return status if isinstance(status, int) else Exit.OK.value


def _open_what_is_closed() -> None:
    """A standard stream that was closed by who began us takes what is said and loses it; nor does a file that is opened
    later (the store) have its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - kept open


def _lose_what_cannot_be_said() -> None:
    """What is left in a buffer is written now, or never: the interpreter would try again as it ends, and make its
    failure ours."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except OSError:
            setattr(sys, name, None)


def _take_every_script(json: bool) -> None:
    """Names are of any script, and a terminal's encoding may be of one: people get escapes for what it has not, as on
    standard error; JSON is UTF-8 wherever it goes (RFC 8259 §8.1)."""
    if isinstance(sys.stdout, TextIOWrapper):
        if json:
            sys.stdout.reconfigure(encoding="utf-8")
        else:
            sys.stdout.reconfigure(errors="backslashreplace")


def _no_text(raised: Exception, arguments: Sequence[str]) -> EvercertError | None:
    """Where it went wrong because an argument has octets that are no UTF-8."""
    if not any(isinstance(each, UnicodeEncodeError) for each in (raised, raised.__cause__)):
        return None
    try:
        "".join(arguments).encode()
    except UnicodeEncodeError:
        return EvercertError("bad-input", "an argument is not UTF-8", hint="write it in UTF-8")
    return None


def _error(raised: Exception) -> EvercertError:
    if isinstance(raised, EvercertError):
        return raised
    if isinstance(raised, click.ClickException):
        return _usage(raised)
    if isinstance(raised, ModuleNotFoundError) and (extra := _EXTRAS.get(raised.name or "")):
        hint = f"pip install 'evercert[{extra}]'"
        return EvercertError("bad-input", f"{raised.name} is not installed, which this command needs", hint=hint)
    if isinstance(raised, OSError):
        place = f"{raised.filename}: " if raised.filename else ""
        words = (raised.strerror or type(raised).__name__).lower()
        hint = "is there room on the disk, and may this user read and write there?"
        return EvercertError("store", f"{place}{words}", hint=hint)
    import traceback

    traceback.print_exception(raised)
    hint = "this is a fault of Evercert: please report it with the lines above, which hold no secret"
    return EvercertError("internal", f"an unexpected {type(raised).__name__}", hint=hint)


def _usage(error: click.ClickException) -> EvercertError:
    message = error.format_message()
    meant = _MEANT.search(message)
    message = _MEANT.sub("", message).rstrip(".")
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "evercert"
    hint = f"did you mean {meant[1].replace(', ', ' or ')}?" if meant else f"see {path} --help"
    return EvercertError("bad-input", message[:1].lower() + message[1:], hint=hint)
