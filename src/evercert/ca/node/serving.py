"""A node on its ports: with a TLS certificate from itself that renews itself, until somebody asks it to stop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from evercert.base.serving import Application
from evercert.ca.node.identities import own_identity
from evercert.ca.node.private import place_from
from evercert.ca.node.wiring import Node
from evercert.ca.setup.settings import CaSettings
from evercert.net.serve import HttpServer, Limits, TlsIdentity
from evercert.net.serve.service import Observer, nobody

__all__ = ["Listening", "Serving", "serving"]

_GRACE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Listening:
    """Where something is answered, each place as `address:port`: over TLS where there is an identity."""

    places: Sequence[str]
    application: Application
    tls: TlsIdentity | None = None


@dataclass(frozen=True, slots=True)
class Serving:
    """Where it listens now: `(address, port)` of each listener; the site's over TLS first, operators' last."""

    bound: tuple[tuple[str, int], ...]


@asynccontextmanager
async def serving(
    node: Node, settings: CaSettings, more: Sequence[Listening] = (), observer: Observer = nobody
) -> AsyncIterator[Serving]:
    """Inside, the node answers, and *more*; afterwards whatever was asked is answered, and the ports are free. The
    *observer* is told of what the node answers."""
    async with AsyncExitStack() as closing:
        bound = []
        identity = None
        if settings.url.startswith("https:"):
            own_name = own_identity(node.certify_itself, settings.identifiers, node.desk.clock)
            identity = await closing.enter_async_context(own_name)
        own = (Listening(settings.listen, node.site, identity), Listening(settings.plain_listen, node.plain))
        for each in (*own, *more):
            for address, port in map(place_from, each.places):
                watched = observer if each in own else nobody
                server = HttpServer(
                    each.application, tls=each.tls, limits=Limits(), clock=node.desk.clock, observer=watched
                )
                bound.append((address, await server.start([address], port)))
                closing.push_async_callback(server.close, _GRACE)
        yield Serving(tuple(bound))
