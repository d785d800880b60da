"""A real CA looks at what the solvers present: every challenge type, Pebble, and BIND as its DNS where it asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from evercert.acme.client import AsyncClient
from evercert.base.clock import SystemClock
from evercert.base.names import parse_identifiers
from evercert.model.intent import ChallengeRule
from evercert.net.dns import DnsResolver
from evercert.net.http import HttpTransport
from evercert.net.settings import HttpSettings
from evercert.pki.keys import KeyType, generate
from evercert.solve.response import response_to
from evercert.solve.solvers import Solvers
from tests.peers.bind import Bind
from tests.peers.pebble import Pebble
from tests.solve.given import Ledger, numbered, ports, secrets

NAMES = ("example.test", "*.example.test", "www.example.test", "deep.down.example.test")


class Validated:
    """An account at a Pebble and the solvers; `prove` proves an order's names by one rule."""

    def __init__(self, pebble: Pebble, bind: Bind | None = None) -> None:
        clock = SystemClock()
        self.transport = HttpTransport(HttpSettings(roots=pebble.authority, use_system_roots=False), clock)
        self.key = generate(KeyType.EC256)
        self.client = AsyncClient(pebble.directory, self.key, self.transport, clock)
        resolver = DnsResolver([bind.address] if bind else [])
        environ = {"EVERCERT_RFC2136_KEY_SECRET": bind.secret} if bind else {}
        self.solvers = Solvers(ports(http=self.transport, dns=resolver, clock=clock), secrets(environ))

    async def prove(self, names: tuple[str, ...], rule: ChallengeRule) -> None:
        """Afterwards the CA holds every authorization valid, and the solver has cleaned up."""
        account = await self.client.new_account(terms_agreed=True)
        meta = (await self.client.directory()).meta
        order = await self.client.new_order(parse_identifiers(names))
        items, urls = [], []
        for authorization in await self.client.authorizations(order):
            challenge = next(each for each in authorization.challenges if each.type == rule.type)
            told: dict[str, Any] = {"issuance_id": 1, "jwk": self.key.jwk, "account_url": account.url, "meta": meta}
            items.append(numbered(response_to(challenge, authorization, rule, **told)))
            urls.append((challenge, authorization.url))
        solver = self.solvers.for_item(rule.solver, rule.options, rule.type)
        try:
            await solver.present(items, Ledger().keep)
            await solver.ready(items)
            await asyncio.gather(*(self.client.answer(challenge) for challenge, _ in urls))
            for _, url in urls:
                assert (await self.client.await_authorization(url, timeout=30)).status == "valid"
        finally:
            await solver.clean_up(items)

    async def close(self) -> None:
        await self.solvers.close()
        await self.transport.close()


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., Validated]]:
    made: list[Validated] = []

    def open_at(*peers: Any) -> Validated:
        made.append(Validated(*peers))
        return made[-1]

    yield open_at
    for each in made:
        await each.close()


@pytest.mark.parametrize("challenge", ["dns-01", "dns-account-01"])
async def test_names_and_wildcards_are_proved_by_dns_and_nothing_is_left(
    opened: Any, start_pebble: Callable[..., Pebble], bind: Bind, challenge: str
) -> None:
    options = {
        "server": bind.address,
        "key_name": "hmac-sha256",
        "propagation_servers": f"{bind.address},{bind.address6}",
    }
    await opened(start_pebble(dns=bind.address), bind).prove(NAMES, ChallengeRule(challenge, "rfc2136", options))
    assert [bind.txt(f"_acme-challenge.{name}") for name in NAMES if "*" not in name] == [[], [], []]


async def test_a_persistent_record_proves_again_without_being_written_again(
    opened: Any, start_pebble: Callable[..., Pebble], bind: Bind
) -> None:
    options = {"server": bind.address, "key_name": "hmac-sha256", "propagation_servers": bind.address}
    validated = opened(start_pebble(dns=bind.address), bind)
    for _ in range(2):
        await validated.prove(("other.test", "*.other.test"), ChallengeRule("dns-persist-01", "rfc2136", options))
    written = bind.txt("_validation-persist.other.test")
    assert 1 <= len(written) <= 2
    assert any(record.endswith("policy=wildcard") for record in written)


async def test_names_and_addresses_are_proved_by_http(opened: Any, pebble: Pebble) -> None:
    options = {"port": str(pebble.http_port), "address": "127.0.0.1"}
    names = ("one.http.test", "two.http.test", "127.0.0.1")
    await opened(pebble).prove(names, ChallengeRule("http-01", "standalone", options))


async def test_names_and_addresses_are_proved_by_tls(opened: Any, pebble: Pebble) -> None:
    options = {"port": str(pebble.tls_port), "address": "127.0.0.1"}
    names = ("one.tls.test", "two.tls.test", "127.0.0.1")
    await opened(pebble).prove(names, ChallengeRule("tls-alpn-01", "standalone", options))


async def test_names_are_proved_through_a_front_before_a_live_server(opened: Any, pebble: Pebble) -> None:
    options = {"upstream": "127.0.0.1:9", "port": str(pebble.tls_port), "address": "127.0.0.1"}
    await opened(pebble).prove(("fronted.test",), ChallengeRule("tls-alpn-01", "front", options))


async def test_names_are_proved_by_files_that_a_web_server_serves(opened: Any, pebble: Pebble, tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        body = (tmp_path / path.lstrip("/")).read_bytes()
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", pebble.http_port)
    await opened(pebble).prove(
        ("one.web.test", "two.web.test"), ChallengeRule("http-01", "webroot", {"root": str(tmp_path)})
    )
    server.close()
    await server.wait_closed()
    assert list(tmp_path.iterdir()) == []
