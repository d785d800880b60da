"""The load: customers with accounts, each of whom gets certificate after certificate, whatever happens to the CA.

Whoever is cut off, or asked to come again, begins with the same name anew; he is counted, and loses nothing but time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from evercert.acme.challenge import key_authorization
from evercert.acme.client import AsyncClient
from evercert.acme.wire import Order
from evercert.base.clock import SystemClock
from evercert.base.errors import EvercertError
from evercert.base.names import Identifier, parse_identifiers
from evercert.net.http import HttpSettings, HttpTransport
from evercert.pki.cert import read_certificate
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, PrivateKey, generate

__all__ = ["Customer", "Got", "Shown", "Tally"]

_PATIENCE = 30.0
_PAUSE = 0.5
# A customer who was turned away so often in a row has found a fault, and not an outage.
_TRIES = 40
# Every how many certificates one is revoked at once.
_REVOKES = 10


@dataclass(frozen=True, slots=True)
class Got:
    """A certificate as its customer has it, and the order that it came of."""

    name: str
    order: str
    leaf: bytes


@dataclass
class Tally:
    """What became of all of them. *moved* is told of each certificate."""

    wanted: int
    moved: Callable[[], None] = lambda: None
    got: list[Got] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    again: int = 0


class Shown:
    """The customers' web server: the answers to http-01 of all of them."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            asked = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode("latin-1")
            body = self.answers.get(asked.rpartition("/")[2], "")
            status = "200 OK" if body else "404 Not Found"
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write((head + body).encode())
            await writer.drain()
        writer.close()


class Customer:
    """One account; each certificate on new connections, as a client that is run by a timer."""

    def __init__(self, directory: str, roots: Path, shown: Shown, tally: Tally) -> None:
        self._directory = directory
        # Not patient: whoever is not answered asks another node, and loses nothing by it.
        self._trust = HttpSettings(roots=roots, use_system_roots=False, timeout=10.0)
        self._shown = shown
        self._tally = tally
        self._key = generate(KeyType.EC256)
        self._account = ""

    async def get_all(self, names: asyncio.Queue[str]) -> None:
        """Afterwards no name is left."""
        while not names.empty():
            name = names.get_nowait()
            # The request stays the same, so that whoever comes again asks for the same certificate.
            key = generate(KeyType.EC256)
            got = await self._persistently(name, key)
            self._tally.got.append(got)
            self._tally.moved()
            if len(self._tally.got) % _REVOKES == 0:
                await self._persistently_revoke(got)

    async def _persistently(self, name: str, key: PrivateKey) -> Got:
        order: list[Order] = []
        for tried in range(_TRIES):
            try:
                return await self._get(name, key, order)
            except EvercertError:
                if tried + 1 == _TRIES:
                    raise
                self._tally.again += 1
            await asyncio.sleep(_PAUSE)
        raise AssertionError("the last try either returns or raises")

    async def _persistently_revoke(self, got: Got) -> None:
        for _ in range(_TRIES):
            transport = HttpTransport(self._trust, SystemClock())
            client = AsyncClient(self._directory, self._key, transport, SystemClock(), account_url=self._account)
            try:
                await client.revoke(got.leaf)
            except EvercertError:
                self._tally.again += 1
                await asyncio.sleep(_PAUSE)
            else:
                self._tally.revoked.add(read_certificate(got.leaf).serial)
                return
            finally:
                await transport.close()
        raise EvercertError("unreachable", f"the certificate of {got.name} could not be revoked")

    async def _get(self, name: str, key: PrivateKey, order: list[Order]) -> Got:
        """The certificate. *order* is the order that there is, if there is one, and is kept for the next try."""
        clock = SystemClock()
        transport = HttpTransport(self._trust, clock)
        try:
            client = AsyncClient(self._directory, self._key, transport, clock, account_url=self._account)
            if not self._account:
                await client.new_account([], terms_agreed=True)
                self._account = client.account_url
            identifiers = parse_identifiers((name,))
            if not order:
                order.append(await client.new_order(identifiers))
            order[0] = await client.order(order[0].url)
            finished = await self._go_on(client, order[0], key, identifiers)
            chains = await client.chains(finished)
            return Got(name, finished.url, chains[0][0])
        finally:
            await transport.close()

    async def _go_on(
        self, client: AsyncClient, order: Order, key: PrivateKey, identifiers: tuple[Identifier, ...]
    ) -> Order:
        if order.status == "pending":
            for authorization in await client.authorizations(order):
                challenge = next(each for each in authorization.challenges if each.type == "http-01")
                self._shown.answers[challenge.token] = key_authorization(challenge.token, self._key.jwk)
                if challenge.status == "pending":
                    await client.answer(challenge)
                await client.await_authorization(authorization.url, _PATIENCE)
        return await client.finalize(order, build_csr(key, identifiers), _PATIENCE)
