"""The admin API of a node, made once, with where it listens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from evercert.base.names import Identifier, parse_identifier
from evercert.ca.admin.application import AdminApplication
from evercert.ca.admin.callers import Callers
from evercert.ca.admin.desk import AdminDesk
from evercert.ca.node.identities import own_identity
from evercert.ca.node.private import place_from
from evercert.ca.node.serving import Listening
from evercert.ca.node.wiring import Node
from evercert.ca.operating.office import Office
from evercert.ca.setup.settings import CaSettings
from evercert.pki.cert import certificate_pem

__all__ = ["admin_listening"]

_EVERY: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 (nobody binds here)


@asynccontextmanager
async def admin_listening(node: Node, settings: CaSettings, root: bytes) -> AsyncIterator[Listening]:
    """Over TLS where the CA itself is. Its certificate names the CA's host and the addresses that it listens on. A
    client is asked for his where some count."""
    wanted, desk = settings.admin, node.desk
    application = AdminApplication(
        lambda: _desk(node), Callers(desk.db, desk.clock, wanted.clients, takes_tokens=wanted.tokens)
    )
    async with AsyncExitStack() as closing:
        tls = None
        if settings.url.startswith("https:"):
            names = tuple(dict.fromkeys((*settings.identifiers, *_addresses(wanted.listen))))
            roots = certificate_pem(root) if wanted.clients else ""
            tls = await closing.enter_async_context(own_identity(node.certify_itself, names, desk.clock, roots))
        yield Listening(wanted.listen, application, tls)


def _desk(node: Node) -> AdminDesk:
    desk = node.desk
    return AdminDesk(
        Office(desk.db, desk.clock, desk.rng, desk.sealer, desk.profiles, desk.revoking, "nobody", desk.limits),
        desk.issuers,
        node.status.maker,
    )


def _addresses(listen: tuple[str, ...]) -> tuple[Identifier, ...]:
    places = (address for address, _ in map(place_from, listen))
    return tuple(parse_identifier(each) for each in places if each not in _EVERY)
