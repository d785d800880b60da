"""What is printed, and where.

Rules of this file:

* Results go to standard output; progress, warnings and errors to standard error.
* With `--json` standard output holds exactly one JSON document (or one a line where a command
  says so), also when the command failed.
* `evercert: error: …` and `evercert: hint: …`: lower case, no full stop.
* Nothing asks a question when there is no terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evercert.base.clock import SystemClock

if TYPE_CHECKING:
    from evercert.base.errors import EvercertError

__all__ = ["Output"]


@dataclass
class Output:
    """The streams of one command. Owned by the command; read by nobody else."""

    json: bool = False
    quiet: bool = False
    started: float = field(default_factory=SystemClock().monotonic)

    def result(self, document: object, *lines: str) -> None:
        """The command's result: the document with `--json`, the lines without."""
        if self.json:
            import msgspec

            text = msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2).decode()
            print(text, flush=True)
        else:
            for line in lines:
                print(line, flush=True)

    def table(self, document: object, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows under heads, each column as wide as it needs; the document with `--json`."""
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        lines = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (heads, *rows)
        )
        self.result(document, *lines)

    def progress(self, certificate: str, text: str) -> None:
        """One line about what is being done and why, with the seconds since the command began."""
        if not self.quiet:
            elapsed = SystemClock().monotonic() - self.started
            about = f"{certificate}: " if certificate else ""
            print(f"[{elapsed:6.1f} s] {about}{text}", file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        if not self.quiet:
            print(f"evercert: note: {text}", file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        print(f"evercert: warning: {text}", file=sys.stderr, flush=True)

    def error(self, error: EvercertError) -> None:
        """Say what went wrong and what can be done; the JSON form goes where results go."""
        if self.json:
            self.result({"error": _document(error)})
        print(f"evercert: error: {error}", file=sys.stderr)
        if error.hint:
            print(f"evercert: hint: {error.hint}", file=sys.stderr)
        sys.stderr.flush()


def _document(error: EvercertError) -> dict[str, object]:
    return {
        "code": error.code.name,
        "message": error.message,
        "hint": error.hint,
        "name": error.name,
        "ca": error.ca,
        "retry": error.retry.value,
        "after_seconds": error.after.total_seconds() if error.after else None,
    }
