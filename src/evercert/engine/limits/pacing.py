"""How fast one process asks a CA: the known rates of its URLs are kept, by waiting for one's turn.

CAs count requests by address, and nodes usually have one each, so this is nothing that they share.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from evercert.acme.cas import Rate, rates_at
from evercert.base.clock import Clock
from evercert.base.message import Request, Response, Transport
from evercert.model.access import CaAccess

__all__ = ["Pace", "Paced", "rates_of"]

_REQUESTS = "requests"


class Pace:
    """Turns at the rates; pure but for what it has given out. The first rate that fits a path counts, no other."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        self._rates = tuple(rates)
        # Theoretical arrival times, in seconds (see `engine.limits.budget`).
        self._arrivals: dict[Rate, float] = {}

    def turn(self, path: str, now: float) -> float:
        """How many seconds to wait before asking for *path*; that turn is taken."""
        rate = next((each for each in self._rates if path.startswith(each.path)), None)
        if rate is None:
            return 0.0
        step = 1 / rate.per_second
        arrival = max(self._arrivals.get(rate, now), now) + step
        self._arrivals[rate] = arrival
        return max(0.0, arrival - now - max(rate.burst, 1) * step)


class Paced:
    """A transport that keeps a pace; whoever goes to the same CA shares that."""

    def __init__(self, transport: Transport, pace: Pace, clock: Clock) -> None:
        self._transport = transport
        self._pace = pace
        self._clock = clock

    async def send(self, request: Request) -> Response:
        if wait := self._pace.turn(urlsplit(request.url).path, self._clock.monotonic()):
            await self._clock.sleep(wait)
        return await self._transport.send(request)


def rates_of(access: CaAccess) -> tuple[Rate, ...]:
    """The rates at a CA: what was declared for this installation, else what is known of it."""
    for own in access.limits:
        if own.word == _REQUESTS:
            return (Rate("", own.count / own.seconds, max(1, own.count // own.seconds)),) if own.count else ()
    return rates_at(access.directory)
