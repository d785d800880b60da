"""The TLS identities of a node's listeners: certificates from itself, which renew themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, NoReturn

from evercert.base.clock import Clock
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier
from evercert.base.secret import Secret
from evercert.ca.node.own_certificate import LIFE
from evercert.net.serve import TlsIdentity

__all__ = ["own_identity"]

_log = logging.getLogger(__name__)

_RETRY: Final = 60.0

# A chain and its key, PEM.
Issue = Callable[[tuple[Identifier, ...]], Awaitable[tuple[str, Secret]]]


@asynccontextmanager
async def own_identity(
    issue: Issue, identifiers: tuple[Identifier, ...], clock: Clock, client_roots: str = ""
) -> AsyncIterator[TlsIdentity]:
    """An identity for those names, good as long as it is open. Where there are *client_roots* (PEM), clients are asked
    for certificates that lead to them."""
    identity = TlsIdentity(*await issue(identifiers), client_roots=client_roots)
    renewing = asyncio.create_task(_renew(issue, identifiers, clock, identity))
    try:
        yield identity
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


async def _renew(issue: Issue, identifiers: tuple[Identifier, ...], clock: Clock, identity: TlsIdentity) -> NoReturn:
    pause = LIFE.total_seconds() / 2
    while True:
        await clock.sleep(pause)
        try:
            identity.replace(*await issue(identifiers))
            pause = LIFE.total_seconds() / 2
        except EvercertError as error:
            code = {"code": error.code.name}
            _log.error("the server's own certificate could not be renewed: %s", error, extra=code)
            pause = _RETRY
