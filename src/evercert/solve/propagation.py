"""Whether a record can be seen: every server of the zone is asked, then the resolvers that were chosen.

The authoritative servers come first for a reason: a resolver that is asked too early keeps the
answer "there is none" for as long as the zone's SOA says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.plugins.contracts import Resolver

__all__ = ["Awaited", "Propagation"]

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 5.0
# A server that did not answer is left alone for so long, unless no other is there to ask.
_SILENT_SECONDS = 300.0
_MOST_SILENT = 10_000
# One lost packet is no proof that a server cannot be reached.
_ROUNDS_OF_SILENCE = 2


@dataclass(frozen=True, slots=True)
class Awaited:
    """What shall be seen: a TXT value at `name` that satisfies `shows`, on `servers`.

    `place` is the name that the CA asks for, an alias of `name` perhaps; `resolvers` are asked for it.
    """

    name: str
    place: str
    shows: Callable[[str], bool]
    servers: Sequence[str]
    resolvers: Sequence[str]
    timeout: float


@dataclass(slots=True)
class _Views:
    """What the servers that are asked have said so far."""

    shown: set[str] = field(default_factory=set)
    lacking: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)

    def note(self, server: str, values: list[str] | EvercertError, shows: Callable[[str], bool]) -> None:
        self.lacking.discard(server)
        self.failed.pop(server, None)
        if isinstance(values, EvercertError):
            self.failed[server] = values.message
        elif any(shows(value) for value in values):
            self.shown.add(server)
        else:
            self.lacking.add(server)

    def described(self) -> str:
        parts = [f"{server} does not show it" for server in sorted(self.lacking)]
        parts += [f"{server}: {fault}" for server, fault in sorted(self.failed.items())]
        return "; ".join(parts[:8]) + (f"; and {len(parts) - 8} more" if len(parts) > 8 else "")


_Ask = Callable[[str], Awaitable[list[str]]]


class Propagation:
    """Waits for records to be seen. One instance serves many issuances at once."""

    def __init__(
        self, resolver: Resolver, clock: Clock, resolving_through: Callable[[Sequence[str]], Resolver]
    ) -> None:
        self._resolver = resolver
        self._clock = clock
        self._resolving_through = resolving_through
        # server -> when it last failed to answer. Owned here, rebuilt in every process; whoever can
        # change it can make us wait for a server less, and the CA then fails the challenge.
        self._silent: dict[str, float] = {}

    async def until_seen(self, awaited: Awaited) -> None:
        """Afterwards every server that can be reached shows the value, and every chosen resolver finds it.

        Servers that cannot be reached from here are passed over if another one shows the value; where
        none can be reached, the configured resolvers decide. Raises `propagation` after `timeout`
        seconds, naming each server that lacks it.
        """
        deadline = self._clock.monotonic() + awaited.timeout
        was_seen = await self._until_authoritative(awaited, deadline)
        through = {server: self._resolving_through((server,)) for server in awaited.resolvers}
        if not was_seen:
            through["the configured resolver"] = self._resolver
        if through:
            await self._until_resolved(awaited, through, deadline)

    async def _until_authoritative(self, awaited: Awaited, deadline: float) -> bool:
        """Wait for the zone's own servers; False where none of them can be reached from here."""
        views = _Views()
        for asked in count(1) if awaited.servers else ():
            servers = [server for server in awaited.servers if server not in views.shown]
            worth_asking = [server for server in servers if not self._is_silent(server)] or servers
            await self._ask(worth_asking, partial(self._from_server, awaited.name), views, awaited.shows)
            if not views.lacking and (views.shown or asked >= _ROUNDS_OF_SILENCE):
                break
            await self._pause(asked, awaited, views, deadline)
        return bool(views.shown)

    async def _until_resolved(self, awaited: Awaited, through: Mapping[str, Resolver], deadline: float) -> None:
        views = _Views()
        for asked in count(1):
            waiting = [server for server in through if server not in views.shown]
            await self._ask(waiting, lambda server: through[server].txt(awaited.place), views, awaited.shows)
            if len(views.shown) == len(through):
                return
            await self._pause(asked, awaited, views, deadline)

    async def _ask(self, servers: Sequence[str], ask: _Ask, views: _Views, shows: Callable[[str], bool]) -> None:
        """One round, all servers side by side."""

        async def look(server: str) -> None:
            try:
                views.note(server, await ask(server), shows)
            except EvercertError as error:
                views.note(server, error, shows)

        await asyncio.gather(*map(look, servers))

    async def _from_server(self, name: str, server: str) -> list[str]:
        try:
            values = await self._resolver.txt(name, server=server)
        except EvercertError:
            if len(self._silent) >= _MOST_SILENT:
                self._silent.clear()
            self._silent[server] = self._clock.monotonic()
            raise
        self._silent.pop(server, None)
        return values

    def _is_silent(self, server: str) -> bool:
        since = self._silent.get(server)
        return since is not None and self._clock.monotonic() - since < _SILENT_SECONDS

    async def _pause(self, asked: int, awaited: Awaited, views: _Views, deadline: float) -> None:
        left = deadline - self._clock.monotonic()
        if left <= 0:
            raise EvercertError(
                "propagation",
                f"the TXT record was not seen everywhere within {awaited.timeout:g} s: {views.described()}",
                name=awaited.place,
                hint="is the record written to the zone that these servers hold? a slow provider wants a larger"
                " propagation_timeout; where they cannot be seen from here, set propagation_servers",
            )
        await self._clock.sleep(min(_FIRST_PAUSE * 1.6 ** min(asked - 1, 20), _LONGEST_PAUSE, left))
