"""Our client and our CA: in memory, as processes, and our client at Pebble: one conversation, the same verdicts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from evercert.acme.challenge import key_authorization
from evercert.acme.client import AsyncClient
from evercert.acme.problem import Problem
from evercert.acme.wire import Authorization, Challenge, Order
from evercert.base.clock import Clock, SystemClock
from evercert.base.message import Transport
from evercert.base.names import parse_identifiers
from evercert.net.http import HttpSettings, HttpTransport
from evercert.net.listen import HttpResponder
from evercert.pki.cert import read_certificate
from evercert.pki.chain import check_issued
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, PrivateKey, generate
from tests.ca.given import BASE, a_ca
from tests.peers.challtestsrv import Challtestsrv
from tests.peers.evercert_ca import EvercertCa
from tests.peers.pebble import Pebble
from tests.peers.place import Machine
from tests.peers.ports import free_port

Serve = Callable[[str, str, PrivateKey], None]


@dataclass
class Pair:
    """A CA as our client sees it, and the world that it validates. *serve* shows http-01's answer for a name."""

    directory: str
    transport: Transport
    clock: Clock
    serve: Serve

    def client(self, key: PrivateKey) -> AsyncClient:
        return AsyncClient(self.directory, key, self.transport, self.clock)

    async def prove(self, client: AsyncClient, key: PrivateKey, order: Order) -> None:
        for authorization in await client.authorizations(order):
            if authorization.status == "pending":
                await self.answer(client, key, authorization)
                await client.await_authorization(authorization.url, 30)

    async def answer(self, client: AsyncClient, key: PrivateKey, authorization: Authorization) -> Challenge:
        challenge = next(each for each in authorization.challenges if each.type == "http-01")
        self.serve(authorization.identifier.value, challenge.token, key)
        return await client.answer(challenge)


@asynccontextmanager
async def in_memory(folder: Path, pebble: Pebble) -> AsyncIterator[Pair]:
    async with a_ca(folder / "ca") as world:
        yield Pair(f"{BASE}/acme/directory", world.transport, world.clock, world.serve)


@asynccontextmanager
async def as_processes(folder: Path, pebble: Pebble) -> AsyncIterator[Pair]:
    port = free_port()
    async with AsyncExitStack() as closing:
        dns = closing.enter_context(Challtestsrv(Machine(folder)))
        ca = EvercertCa(folder / "ca")
        file = ca.folder / "ca.toml"
        told = f'[validation]\nresolvers = ["{dns.address}"]\nhttp_port = {port}'
        file.write_text(file.read_text().replace("[validation]", told))
        closing.enter_context(ca)
        yield await _at(ca.directory, ca.root_file, port, closing)


@asynccontextmanager
async def at_pebble(folder: Path, pebble: Pebble) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as closing:
        yield await _at(pebble.directory, pebble.authority, pebble.http_port, closing)


async def _at(directory: str, roots: Path, port: int, closing: AsyncExitStack) -> Pair:
    clock = SystemClock()
    transport = HttpTransport(HttpSettings(roots=roots, use_system_roots=False), clock)
    closing.push_async_callback(transport.close)
    responder = HttpResponder()
    await responder.start(["127.0.0.1"], port)
    closing.push_async_callback(responder.close)
    return Pair(
        directory, transport, clock, lambda name, token, key: responder.put(token, key_authorization(token, key.jwk))
    )


@pytest.fixture(params=[in_memory, as_processes, at_pebble])
async def pair(request: pytest.FixtureRequest, tmp_path: Path, pebble: Pebble) -> AsyncIterator[Pair]:
    async with request.param(tmp_path, pebble) as pair:
        yield pair


async def verdict(asked: Awaitable[object]) -> str:
    """What the CA says no with."""
    with pytest.raises(Problem) as raised:
        await asked
    return raised.value.type.value.name


async def test_one_conversation_has_the_same_verdicts_everywhere(pair: Pair) -> None:
    """Every resource of RFC 8555, once as it should be and once as it should not; each verdict is the same at our CA in
    memory, at our CA behind sockets, and at Pebble."""
    key, certificate_key = generate(KeyType.EC256), generate(KeyType.EC256)
    client = pair.client(key)
    assert await verdict(client.new_account([], only_return_existing=True)) == "accountDoesNotExist"
    account = await client.new_account(["mailto:a@example.test"], terms_agreed=True)
    assert (account.status, (await client.account()).contact) == ("valid", ("mailto:a@example.test",))
    assert await verdict(client.update_account(["tel:+491234"])) in {"unsupportedContact", "invalidContact"}

    names = parse_identifiers(("www.pair.test", "api.pair.test"))
    order = await client.new_order(names)
    csr = build_csr(certificate_key, names)
    assert order.status == "pending"
    await pair.prove(client, key, order)
    assert (await client.order(order.url)).status == "ready"
    others = build_csr(certificate_key, parse_identifiers(("other.pair.test",)))
    assert await verdict(client.finalize(order, others, 30)) in {"badCSR", "unauthorized"}
    done = await client.finalize(order, csr, 30)
    chain = (await client.chains(done))[0]
    check_issued(chain, certificate_key.spki, names, pair.clock.now())
    assert order.url in await client.orders()

    info = await client.renewal_info(read_certificate(chain[0]).ari_id)
    assert info.window_start < info.window_end
    replacing = await client.new_order(names, replaces=read_certificate(chain[0]).ari_id)
    assert replacing.replaces == read_certificate(chain[0]).ari_id

    new_key = generate(KeyType.EC384)
    await client.roll_over(new_key)
    assert (await client.account()).status == "valid"
    assert await verdict(pair.client(key).new_account([], only_return_existing=True)) == "accountDoesNotExist"

    await client.revoke(chain[0], reason=4)
    await client.revoke(chain[0])  # told that it is revoked already, which is what was wanted
    stranger = pair.client(generate(KeyType.EC256))
    await stranger.new_account([], terms_agreed=True)
    assert await verdict(stranger.order(order.url)) in {"unauthorized", "malformed"}

    given_up = await client.new_order(parse_identifiers(("given-up.pair.test",)))
    (url,) = given_up.authorizations
    assert (await client.deactivate_authorization(url)).status == "deactivated"
    await client.deactivate_account()
    assert await verdict(client.account()) == "unauthorized"


async def test_a_name_that_is_not_proved_has_the_same_end_everywhere(pair: Pair) -> None:
    key = generate(KeyType.EC256)
    client = pair.client(key)
    await client.new_account([], terms_agreed=True)
    order = await client.new_order(parse_identifiers(("wrong.pair.test",)))
    (authorization,) = await client.authorizations(order)
    await pair.answer(client, generate(KeyType.EC256), authorization)
    with pytest.raises(Exception, match="http-01"):
        await client.await_authorization(authorization.url, 30)
    assert (await client.order(order.url)).status == "invalid"
