"""What is printed, and where.

Rules of this file:

* Results go to standard output; progress, warnings and errors to standard error.
* With `--json` standard output holds exactly one JSON document, also when the command failed; only what comes piece by
  piece (`stream`) is one a line.
* `evercert: error: …` and `evercert: hint: …`: lower case, no full stop.
* Nothing asks a question when there is no terminal.
* A result that cannot be printed is an error; progress, warnings and errors that cannot be are lost, and stop nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evercert.base.clock import SystemClock
from evercert.cli.columns import in_columns

if TYPE_CHECKING:
    from evercert.base.errors import EvercertError
    from evercert.cli.progress import LiveProgress

__all__ = ["Output"]


@dataclass
class Output:
    """The streams of one command. Owned by the command; read by nobody else."""

    json: bool = False
    quiet: bool = False
    started: float = field(default_factory=SystemClock().monotonic)
    _live: LiveProgress | None = None

    def result(self, document: object, *lines: str) -> None:
        """The command's result: the document with `--json`, the lines without."""
        self.close()
        if self.json:
            import msgspec

            text = msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2).decode()
            print(text, flush=True)
        elif lines:
            print("\n".join(lines), flush=True)

    def stream(self, pieces: Iterable[tuple[object, str]]) -> None:
        """Results that come piece by piece: of each its document in one line with `--json`, its line without. They
        are out when this returns."""
        self.close()
        lines = [self._piece(document, line) for document, line in pieces]
        if lines:
            print("\n".join(lines), flush=True)

    def _piece(self, document: object, line: str) -> str:
        if not self.json:
            return line
        import msgspec

        return msgspec.json.encode(document).decode()

    def table(self, document: object, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows under heads, each column as wide as it needs; the document with `--json`."""
        self.result(document, *in_columns((heads, *rows)))

    def progress(self, certificate: str, text: str) -> None:
        """What is being done and why: one live line per certificate at a terminal, else a line each with
        the seconds since the command began. An empty text says that work on the certificate has ended."""
        if self.quiet:
            return
        if sys.stderr.isatty():
            self._draw(lambda live: live.show(certificate, text))
        elif text:
            elapsed = SystemClock().monotonic() - self.started
            about = f"{certificate}: " if certificate else ""
            self._say(f"[{elapsed:6.1f} s] {about}{text}")

    def note(self, text: str) -> None:
        if not self.quiet:
            self._say(f"evercert: note: {text}")

    def warn(self, text: str, hint: str = "") -> None:
        self._say(f"evercert: warning: {text}")
        if hint:
            self._say(f"evercert: hint: {hint}")

    def error(self, error: EvercertError) -> None:
        """Say what went wrong and what can be done; the JSON form goes where results go."""
        if self.json:
            with suppress(OSError):  # nobody reads it, or there is no room for it: that may be the error
                self.result({"error": _document(error)})
        self.failure(str(error), error.hint)

    def failure(self, message: str, hint: str) -> None:
        """Say what went wrong with one of several things; its JSON form is part of the result."""
        self._say(f"evercert: error: {message}")
        if hint:
            self._say(f"evercert: hint: {hint}")

    def close(self) -> None:
        """Afterwards nothing is drawn any more."""
        if self._live:
            self._draw(lambda live: live.close())
            self._live = None

    def _say(self, text: str) -> None:
        if self._live:
            self._draw(lambda live: live.say(text))
            return
        # Nobody reads it any more, or its disk is full: no reason to let a certificate lapse.
        with suppress(OSError):
            print(text, file=sys.stderr, flush=True)

    def _draw(self, change: Callable[[LiveProgress], None]) -> None:
        """Where the terminal is gone, nothing is drawn from now on."""
        try:
            change(self._display())
        except OSError:
            self._live = None

    def _display(self) -> LiveProgress:
        if self._live is None:
            from evercert.cli.progress import LiveProgress  # draws with rich: imported when something is drawn

            self._live = LiveProgress(SystemClock())
        return self._live


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
