"""What the tests of the CA begin with: a CA in memory, a world that it looks at, and clients that speak to it."""

from __future__ import annotations

import atexit
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any
from urllib.parse import urlsplit

from evercert.acme.challenge import key_authorization
from evercert.acme.client import AsyncClient
from evercert.acme.jose import Signer
from evercert.acme.wire import Order
from evercert.base.message import Request, Response
from evercert.base.names import parse_identifiers
from evercert.base.probe import Page
from evercert.base.secret import Secret
from evercert.base.serving import Application, Asked
from evercert.ca.issuing.loading import load_issuers, load_root
from evercert.ca.limits import Limits
from evercert.ca.meters import NO_METERS, Meters
from evercert.ca.node.wiring import Node, open_node
from evercert.ca.profiles.profile import BUILT_IN, Profile
from evercert.ca.rules import Rules
from evercert.ca.setup.decisions import Decisions
from evercert.ca.setup.founding import Founding, found
from evercert.ca.store.schema import MIGRATIONS
from evercert.ca.validation.claim import Reach
from evercert.ca.validation.perspectives import Perspectives, nobody_else
from evercert.ca.validation.policy import NetworkPolicy
from evercert.db.opening import Place, open_database
from evercert.db.protocol import Database
from evercert.pki.attestation.chain import TrustAnchors
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, PrivateKey, generate
from evercert.pki.seal import Sealer
from tests.ca.linted import Linted, LintedSite
from tests.fakes.clock import FakeClock
from tests.fakes.validated_network import FakeNetwork

BASE = "https://ca.test"


@dataclass
class InMemory:
    """Keeps `base.message.Transport` by asking the application itself: no socket, no octet on a wire."""

    application: Application
    clock: FakeClock
    peer: str = "192.0.2.7"
    seen: list[tuple[Request, Response]] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        headers = tuple((name.lower(), value) for name, value in request.headers.items())
        asked = Asked(request.method, parts.path, parts.query, headers, request.body, self.peer)
        answer = await self.application(asked)
        response = Response(answer.status, answer.headers, answer.body, self.clock.now())
        self.seen.append((request, response))
        return response


@dataclass
class World:
    """A CA and the network that it validates over."""

    node: Node
    network: FakeNetwork
    clock: FakeClock
    root: bytes
    transport: InMemory

    def client(self, key: PrivateKey | None = None) -> AsyncClient:
        return AsyncClient(f"{BASE}/acme/directory", key or generate(KeyType.EC256), self.transport, self.clock)

    async def registered(self, key: PrivateKey | None = None) -> AsyncClient:
        client = self.client(key)
        await client.new_account([], terms_agreed=True)
        return client

    async def prove(self, client: AsyncClient, order: Order) -> None:
        """Afterwards every authorization of the order is valid, by http-01."""
        for authorization in await client.authorizations(order):
            if authorization.status == "valid":
                continue
            challenge = next(each for each in authorization.challenges if each.type == "http-01")
            self.serve(authorization.identifier.value, challenge.token, client.session.signer)
            await client.answer(challenge)
            await client.await_authorization(authorization.url, 30)

    def serve(self, name: str, token: str, key: Signer) -> None:
        """The world now shows the answer to http-01."""
        answer = key_authorization(token, key.jwk)
        self.network.names[name] = ["127.0.0.1"]
        place = f"127.0.0.1:80 http://{name}/.well-known/acme-challenge/{token}"
        self.network.pages[place] = Page(200, body=answer.encode())

    async def obtain(self, client: AsyncClient, *names: str, key: PrivateKey | None = None, **more: Any) -> Order:
        identifiers = parse_identifiers(names)
        order = await client.new_order(identifiers, **more)
        await self.prove(client, order)
        return await client.finalize(order, build_csr(key or generate(KeyType.EC256), identifiers), 30)


@asynccontextmanager
async def a_ca(
    folder: Path,
    *,
    rules: Rules | None = None,
    place: Place | None = None,
    confirmed: Callable[[FakeNetwork], Perspectives] | None = None,
    profiles: Mapping[str, Profile] | None = None,
    anchors: TrustAnchors | None = None,
    limits: Limits | None = None,
    meters: Meters = NO_METERS,
    clock: FakeClock | None = None,
    beside: World | None = None,
    wrapped: Callable[[Database], Database] = lambda db: db,
    is_alone: bool = True,
    seed: int = 7,
) -> AsyncIterator[World]:
    """A CA of its own, or another node of the one *beside* it, then with another *seed*. *wrapped* is what its database
    is to it."""
    # A database takes real time, one on sockets more of it. Meanwhile the node's duties move the clock on, yet not so
    # far that nonces end, or the leases of what is under way.
    usual = FakeClock(settle=0.1 if isinstance(place, Path | None) else 0.5)
    clock = beside.clock if beside else clock or usual
    network = beside.network if beside else FakeNetwork()
    if not folder.exists():
        shutil.copytree(_founded(), folder)
    sealer = Sealer(Secret((folder / "master.key").read_bytes()))
    issuers = load_issuers(folder, (), sealer, _no_token)
    reach = Reach(network, NetworkPolicy(("127.0.0.0/8",)))
    root, where = load_root(folder), place or folder / "ca.db"
    async with (
        open_database(where, MIGRATIONS) as db,
        open_node(
            wrapped(db),
            sealer,
            root,
            issuers,
            reach,
            Decisions(
                BASE,
                rules=rules or Rules(),
                perspectives=confirmed(network) if confirmed else nobody_else(),
                profiles=profiles or BUILT_IN,
                anchors=anchors or TrustAnchors({}),
                limits=limits or Limits(),
            ),
            clock=clock,
            rng=Random(seed),
            is_alone=is_alone and isinstance(where, Path),
            meters=meters,
        ) as node,
    ):
        linted = Linted()
        # What is made is looked at, all of it, and not one in a thousand.
        node.issuance.sample, node.site = linted, LintedSite(node.site, linted)  # type: ignore[assignment]
        yield World(node, network, clock, root, InMemory(node.site, clock))
        assert linted.found == []


@cache
def _founded() -> Path:
    """A CA's folder, made once for all tests of this process: the passphrase alone takes a fifth of a second."""
    place = Path(mkdtemp(prefix="evercert-ca-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    found(place / "ca", Founding("Test", root_passphrase=Secret("test")), in_no_token, FakeClock().now(), Random(1))
    return place / "ca"


def _no_token(uri: str) -> PrivateKey:
    raise AssertionError(uri)


def in_no_token(uri: str, key_type: KeyType) -> PrivateKey:
    raise AssertionError(uri)
