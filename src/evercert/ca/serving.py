"""A node on its ports: with a TLS certificate from itself that renews itself, until somebody asks it to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, NoReturn

from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.ca.node import Node
from evercert.ca.own_certificate import LIFE
from evercert.ca.settings import CaSettings
from evercert.net.serve import HttpServer, Limits, TlsIdentity

__all__ = ["Serving", "serving"]

_log = logging.getLogger(__name__)

_GRACE: Final = 10.0
_RETRY: Final = 60.0


@dataclass(frozen=True, slots=True)
class Serving:
    """Where it listens now: `(address, port)` of each listener, those over TLS first."""

    bound: tuple[tuple[str, int], ...]


@asynccontextmanager
async def serving(node: Node, settings: CaSettings) -> AsyncIterator[Serving]:
    """Inside, the node answers; afterwards whatever was asked is answered, and the ports are free."""
    async with AsyncExitStack() as closing:
        bound = []
        identity = None
        if settings.url.startswith("https:"):
            identity = TlsIdentity(*await node.own.issue(settings.identifiers))
            renewing = asyncio.create_task(_renew(node, settings.identifiers, identity))
            closing.callback(renewing.cancel)
        for places, tls in ((settings.listen, identity), (settings.plain_listen, None)):
            for address, port in map(_place, places):
                server = HttpServer(node.site, tls=tls, limits=Limits(), clock=node.desk.clock)
                bound.append((address, await server.start([address], port)))
                closing.push_async_callback(server.close, _GRACE)
        yield Serving(tuple(bound))


async def _renew(node: Node, identifiers: Sequence[Identifier], identity: TlsIdentity) -> NoReturn:
    clock, pause = node.desk.clock, LIFE.total_seconds() / 2
    while True:
        await clock.sleep(pause)
        try:
            identity.replace(*await node.own.issue(tuple(identifiers)))
            pause = LIFE.total_seconds() / 2
        except EvercertError as error:
            _log.error("the server's own certificate could not be renewed: %s", error)
            pause = _RETRY


def _place(written: str) -> tuple[str, int]:
    address, _, port = written.rpartition(":")
    if not port.isdecimal() or int(port) > 65535 or not address:
        raise EvercertError("bad-input", f"{written[:60]!r} is not ADDRESS:PORT", hint="such as 127.0.0.1:8443")
    return address.strip("[]"), int(port)
