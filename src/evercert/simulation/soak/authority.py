"""A CA as the soak needs one: silent at times, and counting by itself what it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from evercert.acme.cas import Limit
from evercert.engine.limits.budget import Draw
from evercert.model.fact import Outage
from evercert.simulation.ca.limits import Bucket
from evercert.simulation.soak.given import CaGiven, Silence
from evercert.store.health import FORGOTTEN, pause_after

__all__ = ["Authority", "Health"]

_SILENT: Final = "it does not answer"
_MANY: Final = 50_000
# What a sum of fractions of seconds may be wrong by.
_ROUNDING: Final = 1e-3


class Authority:
    """Counts with an arithmetic of its own (`simulation.ca.limits`), so that what the engine draws is checked."""

    def __init__(self, number: int, given: CaGiven, silences: Sequence[Silence]) -> None:
        self.number = number
        self.given = given
        self._silences = [(each.at, each.at + each.seconds) for each in silences if each.ca == number]
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._next_look = _MANY

    def is_silent(self, now: int) -> bool:
        return any(since <= now < until for since, until in self._silences)

    def refuses(self, draws: Sequence[Draw], now: int) -> float:
        """Zero where it takes the order, and has counted it; or the seconds that its 429 tells to wait."""
        for draw in draws:
            if draw.limit and draw.cost and (wait := self._bucket(draw.key, draw.limit).take(now)) > _ROUNDING:
                return wait
        if len(self._buckets) > self._next_look:
            self._buckets = {key: each for key, each in self._buckets.items() if each.full_at > now}
            self._next_look = len(self._buckets) + _MANY
        return 0.0

    def _bucket(self, key: tuple[str, str], limit: Limit) -> Bucket:
        if key not in self._buckets:
            self._buckets[key] = Bucket(limit.count, limit.period.total_seconds())
        return self._buckets[key]


class Health:
    """What is known of CAs that do not answer: `store/health.py` in memory, with its table of pauses."""

    def __init__(self) -> None:
        self.outages: dict[str, Outage] = {}

    def silent(self, ca: str, now: datetime) -> None:
        known = self.outages.get(ca)
        again = known is not None and now - known.until <= FORGOTTEN
        failures, since = (known.failures + 1, known.since) if known and again else (1, now)
        self.outages[ca] = Outage(ca, failures, since, now + pause_after(failures), _SILENT)

    def answered(self, ca: str) -> None:
        self.outages.pop(ca, None)
