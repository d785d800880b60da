"""http-01: a key authorization at a path on port 80 (RFC 8555 §8.3); here, from a responder of our own.

`standalone` owns the port itself, `proxy` listens where the user's server forwards to, `route` asks a
deploy target to forward, and `auto` takes the first of standalone and route that works. `webroot` has
a file of its own, because it needs no responder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableSet, Sequence

import msgspec

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.model.fact import Presented
from evercert.net.listen import HttpResponder
from evercert.plugins.contracts import ChallengeRoute
from evercert.solve.responders import SharedResponder
from evercert.solve.together import side_by_side

__all__ = ["AutoSolver", "RespondingSolver", "RouteSolver"]

_Keep = Callable[[Presented], Awaitable[None]]

_ROUTED = "route"


class RespondingSolver:
    """Answers on a port of its own: `standalone` and `proxy`. Nothing of it outlives the process."""

    def __init__(self, responder: SharedResponder[HttpResponder]) -> None:
        self._responder = responder

    async def present(self, items: Sequence[Presented], keep: _Keep) -> None:
        await self.listen(items)

    async def listen(self, items: Sequence[Presented]) -> int:
        """Afterwards the items are answered; the port. Raises `port`."""
        port = 0
        for item in items:
            port = await self._responder.put(item.token, item.content, item.issuance_id, _answering(item))
        return port

    async def ready(self, items: Sequence[Presented]) -> None:
        """They are: the responder answers since `present` returned."""

    async def clean_up(self, items: Sequence[Presented]) -> None:
        await side_by_side(self._responder.drop(item.token, item.issuance_id) for item in items)

    async def close(self) -> None:
        """The responder is shared, and closed by who owns it."""


def _answering(item: Presented) -> Callable[[HttpResponder], None]:
    return lambda responder: responder.put(item.token, item.content)


class RouteSolver:
    """Answers on a loopback port to which a server of the machine forwards, for as long as needed.

    `editing` lets one server configuration be changed at a time; `busy` keeps this solver alive while
    it has opened a route, because only it knows that.
    """

    def __init__(
        self,
        loopback: RespondingSolver,
        route: ChallengeRoute,
        editing: asyncio.Lock,
        busy: MutableSet[object],
    ) -> None:
        self._loopback = loopback
        self._route = route
        self._editing = editing
        self._busy = busy
        self._open_for: dict[int, Identifier] = {}

    async def present(self, items: Sequence[Presented], keep: _Keep) -> None:
        async with self._editing:
            port = await self._loopback.listen(items)
            self._busy.add(self)
            self._open_for |= {item.id: Identifier(item.identifier_type, item.identifier) for item in items}  # type: ignore[arg-type]  # "dns" or "ip", as it came from an Identifier
            # Durable before visible: whoever finds this item after a crash closes the route.
            await side_by_side(keep(msgspec.structs.replace(item, reference=_ROUTED)) for item in items)
            await self._route.open_route(tuple(dict.fromkeys(self._open_for.values())), port)

    async def ready(self, items: Sequence[Presented]) -> None:
        """They are: `open_route` returns when the server forwards."""

    async def clean_up(self, items: Sequence[Presented]) -> None:
        async with self._editing:
            mine = {item.id for item in items if item.id in self._open_for or item.reference == _ROUTED}
            if mine and not self._open_for.keys() - mine:
                await self._route.close_route()
            for number in mine:
                self._open_for.pop(number, None)
            if not self._open_for:
                self._busy.discard(self)
            await self._loopback.clean_up(items)

    async def close(self) -> None:
        """What it opened is closed with its items."""


class AutoSolver:
    """Standalone where the port can be had, else through the server that has it, if a target knows how."""

    def __init__(self, standalone: RespondingSolver, routed: RouteSolver | None, busy: MutableSet[object]) -> None:
        self._standalone = standalone
        self._routed = routed
        self._busy = busy
        self._held: set[int] = set()

    async def present(self, items: Sequence[Presented], keep: _Keep) -> None:
        self._busy.add(self)
        self._held |= {item.id for item in items}
        try:
            await self._standalone.present(items, keep)
        except EvercertError as error:
            if error.code.name != "port":
                raise
            await self._present_routed(items, keep, error)

    async def ready(self, items: Sequence[Presented]) -> None:
        """They are, either way, since `present` returned."""

    async def clean_up(self, items: Sequence[Presented]) -> None:
        if self._routed is not None:
            await self._routed.clean_up(items)
        await self._standalone.clean_up(items)
        self._held -= {item.id for item in items}
        if not self._held:
            self._busy.discard(self)

    async def close(self) -> None:
        """What it opened is closed with its items."""

    async def _present_routed(self, items: Sequence[Presented], keep: _Keep, error: EvercertError) -> None:
        if self._routed is None:
            error.hint = (
                f"{error.hint + '; ' if error.hint else ''}or let the server that has the port answer: "
                "--webroot DIR, --deploy nginx, --deploy apache, or a DNS challenge"
            )
            raise error
        await self._routed.present(items, keep)
