"""What is being done, as it is watched at a terminal: one line for each certificate in work."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from evercert.base.clock import Clock

__all__ = ["LiveProgress"]

# So many lines stand at once; of the others their number is told.
_LINES = 12


@dataclass(slots=True)
class _Work:
    """A certificate in work: since when (monotonic seconds), and the last that was told of it."""

    since: float
    text: str


class LiveProgress:
    """Draws on standard error until `close`. What is finished stands above as a plain line."""

    def __init__(self, clock: Clock, console: Console | None = None) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._working: dict[str, _Work] = {}
        self._console = console or Console(stderr=True, highlight=False, markup=False)
        self._live = Live(
            get_renderable=self.lines,
            console=self._console,
            transient=True,
            refresh_per_second=5,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def show(self, certificate: str, text: str) -> None:
        """The certificate's line says *text* from now on; an empty one ends it."""
        now = self._clock.monotonic()
        if not certificate:
            self.say(f"[{now - self._began:6.1f} s] {text}")
        elif text:
            work = self._working.setdefault(certificate, _Work(now, text))
            work.text = text
        elif certificate in self._working:
            self.say(f"[{now - self._began:6.1f} s] {certificate}: {self._working.pop(certificate).text}")

    def say(self, text: str) -> None:
        self._live.console.print(Text(text), soft_wrap=True)

    def close(self) -> None:
        """Afterwards only the plain lines stand. May be repeated."""
        self._live.stop()

    def lines(self) -> Table:
        """What is in work now, the longest first."""
        now = self._clock.monotonic()
        table = Table.grid(padding=(0, 1))
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis")
        for certificate, work in list(self._working.items())[:_LINES]:
            table.add_row(Text(f"{now - work.since:6.1f} s"), Text(f"{certificate}: {work.text}"))
        if len(self._working) > _LINES:
            table.add_row("", Text(f"and {len(self._working) - _LINES} more"))
        return table
