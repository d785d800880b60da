"""What happens to a fleet while it works: one mishap after the other, drawn from a seed, each over before the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.fleet.estate import Estate
from tests.peers.postgres import Postgres

__all__ = ["Chaos", "run_through"]

# Each machine's number, worker by worker: two share a home, one is elsewhere.
MACHINES = (1, 1, 2)


@dataclass
class Chaos:
    """Mishaps for a fleet; *server* is its PostgreSQL, if it has one. `happened` says what was done, in order."""

    fleet: Estate
    server: Postgres | None
    rng: Random

    def __post_init__(self) -> None:
        self.happened: list[str] = []

    def strike(self) -> None:
        """One mishap, from its beginning to its end."""
        mishaps: list[Callable[[], None]] = [self.kill, self.stop, self.refuse, self.limit]
        if self.server is not None:
            mishaps.append(self.restart_postgres)
        mishap = self.rng.choice(mishaps)
        self.happened.append(mishap.__name__)
        mishap()

    def kill(self) -> None:
        number = self.rng.randrange(len(self.fleet.workers))
        machine = self.fleet.machines[number]
        self.fleet.kill(number, machine)

    def stop(self) -> None:
        with self.fleet.stopped(self.rng.randrange(len(self.fleet.workers))):
            self.wait(self.fleet.scale.lease * 1.5)

    def refuse(self) -> None:
        self._in_mood(503)

    def limit(self) -> None:
        self._in_mood(429)

    def restart_postgres(self) -> None:
        assert self.server is not None
        self.server.stop()
        self.wait(1)
        self.server.start()

    def wait(self, seconds: float) -> None:
        """Watching what is installed."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.fleet.look()
            time.sleep(min(left, 0.5))

    def _in_mood(self, status: int) -> None:
        self.fleet.moody.mood = status
        self.wait(self.rng.uniform(1, 3))
        self.fleet.moody.mood = 0


def run_through(fleet: Estate, server: Postgres | None, seed: int, told: Callable[[str], object]) -> Chaos:
    """Afterwards everything was issued and renewed twice, through whatever happened, and a calm has followed in which
    what was begun could end. Fails where that takes longer than the fleet's patience."""
    chaos, begun = Chaos(fleet, server, Random(seed)), time.monotonic()
    for machine in MACHINES:
        fleet.start(machine)
    while (lags := behind(fleet)) > 0:
        spent = time.monotonic() - begun
        assert spent < fleet.scale.patience, f"{lags} certificates are behind; {chaos.happened}"
        told(f"{spent:.0f} s: {lags} certificates to come; {len(chaos.happened)} mishaps, last {chaos.happened[-1:]}")
        chaos.strike()
        chaos.wait(2)
    chaos.wait(fleet.scale.lease * 2 + 5)
    return chaos


def behind(fleet: Estate) -> int:
    """How many certificates are missing until each name has had three."""
    issued = asyncio.run(fleet.issued())
    return sum(max(0, 3 - len(issued.get(name, ()))) for name in fleet.names)
