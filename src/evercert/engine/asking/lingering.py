"""CAs that are slow: where many attempts of this process take long, it asks for no further certificates for a while.

Such an attempt holds no worker's place (engine/places.py), but memory, and those that follow it would wait as long. So
the CA is taken for one that is down, by this process alone: who is urgent asks another one, the others come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import count

from evercert.base.clock import Clock
from evercert.engine.places import LONG
from evercert.model.fact import Outage

__all__ = ["Lingering"]

# An attempt that takes long takes ten minutes, as a rule; half of them have ended then.
_PAUSE = timedelta(minutes=5)


class Lingering:
    """Counts the attempts that are under way. Owned by one engine; *most* of them may take long at one CA."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._numbers = count()
        # When each attempt that is under way began, by its number, at which CA.
        self._begun: dict[str, dict[int, float]] = {}

    @contextmanager
    def attempt(self, cas: Iterable[str]) -> Iterator[None]:
        """Inside, those CAs (directories) are being asked."""
        number, asked = next(self._numbers), tuple(cas)
        for ca in asked:
            self._begun.setdefault(ca, {})[number] = self._clock.monotonic()
        try:
            yield
        finally:
            for ca in asked:
                del self._begun[ca][number]

    def outages(self) -> Mapping[str, Outage]:
        """The CAs that are not asked for more now."""
        now, since = self._clock.now(), self._clock.monotonic() - LONG
        long = {ca: sum(began <= since for began in begun.values()) for ca, begun in self._begun.items()}
        words = "it is slow, and keeps {} attempts of this process waiting for more than a minute"
        return {
            ca: Outage(ca, 1, now, now + _PAUSE, words.format(many)) for ca, many in long.items() if many >= self._most
        }
