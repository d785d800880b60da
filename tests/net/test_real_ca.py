"""A whole certificate at a real CA with nothing but this room, `pki` and the blocking client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from evercert.acme.challenge import acme_identifier_digest, key_authorization
from evercert.acme.client import Client
from evercert.base.clock import SystemClock
from evercert.base.names import Identifier, parse_identifiers
from evercert.net.blocking import BlockingHttpTransport
from evercert.net.listen import AlpnResponder, HttpResponder
from evercert.net.settings import HttpSettings
from evercert.pki.cert import read_certificate, self_signed
from evercert.pki.chain import check_issued
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, generate
from tests.peers.pebble import Pebble


class Responders:
    """Both responders, on the ports where the CA looks, in a loop and a thread of their own."""

    def __init__(self, pebble: Pebble) -> None:
        self._ports = pebble.http_port, pebble.tls_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.http, self.alpn = HttpResponder(), AlpnResponder()

    async def _start(self) -> None:
        await self.http.start(["127.0.0.1"], self._ports[0])
        await self.alpn.start(["127.0.0.1"], self._ports[1])

    async def _close(self) -> None:
        await self.http.close()
        await self.alpn.close()

    def put(self, kind: str, identifier: Identifier, token: str, proof: str) -> None:
        if kind == "http-01":
            self._loop.call_soon_threadsafe(self.http.put, token, proof)
        else:
            shown = self_signed(identifier, acme_identifier_digest(proof))
            self._loop.call_soon_threadsafe(self.alpn.put, identifier.server_name, *shown)

    @contextmanager
    def open(self) -> Iterator[None]:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
            yield
        finally:
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


@pytest.mark.parametrize("kind", ["http-01", "tls-alpn-01"])
@pytest.mark.parametrize("key_type", [KeyType.EC256, KeyType.RSA2048])
def test_a_certificate_is_issued_without_an_event_loop(pebble: Pebble, kind: str, key_type: KeyType) -> None:
    clock = SystemClock()
    transport = BlockingHttpTransport(HttpSettings(roots=pebble.authority, use_system_roots=False), clock)
    account_key, key = generate(KeyType.EC256), generate(key_type)
    client = Client(pebble.directory, account_key, transport, clock)
    names = parse_identifiers((f"{key_type.value}.blocking.test", "127.0.0.1"))
    responders = Responders(pebble)
    with responders.open():
        client.new_account(terms_agreed=True)
        order = client.new_order(names)
        for authorization in client.authorizations(order):
            challenge = next(each for each in authorization.challenges if each.type == kind)
            proof = key_authorization(challenge.token, account_key.jwk)
            name = Identifier(authorization.identifier.type, authorization.identifier.value)
            responders.put(kind, name, challenge.token, proof)
            client.answer(challenge)
            assert client.await_authorization(authorization.url, 30).status == "valid"
        done = client.finalize(order, build_csr(key, names), 30)
    chain = client.chains(done)[0]
    transport.close()
    check_issued(chain, key.spki, names, clock.now())
    leaf = read_certificate(chain[0])
    assert leaf.ari_id
    assert not leaf.is_ca
