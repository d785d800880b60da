"""Whether the store answers: told once when it fails, and once when it is back, however many loops find out."""

from __future__ import annotations

from datetime import timedelta

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.engine.report import Telling

__all__ = ["StoreWatch"]


class StoreWatch:
    """Shared by the loops of one process, which look every *look* while it fails. Owned by whoever runs them."""

    def __init__(self, clock: Clock, telling: Telling, look: timedelta) -> None:
        self.look = look
        self._clock = clock
        self._telling = telling
        self._since = 0.0
        # The loops that it has failed, and that have not reached it since.
        self._failed: set[str] = set()

    def heard(self, loop: str, error: EvercertError | None = None) -> bool:
        """Tell of the store what is news, now that *loop* has ended a turn, with that *error* if it failed; whether the
        store has failed it."""
        if error is not None and error.code.name == "store":
            self._note_failed(loop, error)
            return True
        self._note_reached(loop)
        return False

    def _note_failed(self, loop: str, error: EvercertError) -> None:
        if not self._failed:
            self._since = self._clock.monotonic()
            hint = f" ({error.hint})" if error.hint else ""
            every = f"{self.look.total_seconds():g} s"
            self._telling(f"{error}{hint}; what needs the store waits, and it is tried again every {every}")
        self._failed.add(loop)

    def _note_reached(self, loop: str) -> None:
        if loop not in self._failed:
            return
        self._failed.discard(loop)
        if not self._failed:
            away = timedelta(seconds=round(self._clock.monotonic() - self._since))
            self._telling(f"the store answers again, after {away}; what was left is gone on with")
