"""A walk of many clients through a CA of two nodes on one database, drawn from a seed: what they ask for, all at once,
what the world shows of it, how time passes, and when a node dies.

After each step the whole database is held against the tables of `acme.state` and against what the walk itself knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final, LiteralString

from evercert.acme import state
from evercert.acme.challenge import dns_value, key_authorization
from evercert.acme.jose import key_change
from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.base.serving import Answer
from evercert.ca.nouns import Authorization, Order
from evercert.ca.operating import auditing
from evercert.ca.store import accounts, authorizations, orders
from evercert.db.opening import Place
from evercert.db.protocol import Database, Query, Row, Statement
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, PrivateKey, generate
from tests.ca.given import BASE, World, a_ca
from tests.ca.protocol.wire import Wire, encoded, header, read

__all__ = ["Walk"]

_NAMES: Final = ("a.example.test", "b.example.test", "c.example.test", "*.example.test")
# RFC 8555 §7.1.6 says what follows directly; between two looks several steps may have been made.
_MOVES: Final = {"order": state.ORDER, "authorization": state.AUTHORIZATION, "account": state.ACCOUNT}


@dataclass
class Mortal:
    """Keeps `db.protocol.Database`, until it dies: then nothing is read or written any more, by nobody who has it."""

    db: Database
    is_dead: bool = False

    async def rows(self, statement: Statement) -> list[Row]:
        return (await self.read(statement))[0]

    async def read(self, *statements: Statement) -> list[list[Row]]:
        self._live()
        found = await self.db.read(*statements)
        self._live()
        return found

    async def write(self, *statements: Statement) -> list[list[Row]]:
        self._live()
        done = await self.db.write(*statements)
        self._live()
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)

    def _live(self) -> None:
        if self.is_dead:
            raise EvercertError("store", "the node is dead")


@dataclass
class Client:
    """One account's owner."""

    key: PrivateKey
    kid: str = ""
    ended: bool = False
    orders: list[str] = field(default_factory=list)
    wires: dict[int, Wire] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What the database held at one moment."""

    statuses: Mapping[tuple[str, int], str] = field(default_factory=dict)
    orders: Mapping[int, Order] = field(default_factory=dict)
    authorizations: Mapping[int, Authorization] = field(default_factory=dict)


@dataclass
class Walk:
    """*said* is what was done, for whoever has to find out why an invariant did not hold."""

    folder: Path
    place: Place
    rng: Random
    stack: AsyncExitStack
    nodes: list[World] = field(default_factory=list)
    dbs: list[Mortal] = field(default_factory=list)
    lives: list[AsyncExitStack] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)
    before: Seen = field(default_factory=Seen)
    said: list[str] = field(default_factory=list)

    async def begin(self) -> None:
        """Afterwards two nodes answer."""
        for number in range(2):
            await self._open(number)
        self.stack.push_async_callback(self._end)

    async def step(self) -> None:
        """Some of what may be done, all at once; then everything is looked at."""
        acts = [self._drawn() for _ in range(self.rng.randint(1, 6))]
        await asyncio.gather(*(self._done(act) for act in acts))
        if self.rng.random() < 0.25:
            self._pass_time(timedelta(minutes=self.rng.choice((1, 5, 90, 60 * 30))))
        await self.look()

    async def settle(self) -> None:
        """Afterwards what nodes have left is ended: nothing is pending for ever, and both still issue."""
        for _ in range(3):
            self._pass_time(timedelta(minutes=2))
            for world in self.nodes:
                await world.node.attempts.take_over()
                await world.node.issuance.take_over()
            await self.look()
        for world in self.nodes:
            assert (await world.obtain(await world.registered(), "last.example.test")).certificate
        left = [each for each in self.before.orders.values() if each.stored_status == "processing"]
        begun = [
            each
            for each in self.before.authorizations.values()
            if each.attempted and self.before.statuses["authorization", each.id] == "pending"
        ]
        assert (left, begun) == ([], []), self.said

    # What may be done

    def _drawn(self) -> Callable[[], Awaitable[str]]:
        acts: Sequence[tuple[int, Callable[[], Awaitable[str]]]] = (
            (2, self._register),
            (6, self._order),
            (14, self._answer),
            (10, self._finalize),
            (3, self._spy),
            (2, self._give_up),
            (1, self._change_key),
            (1, self._leave),
            (2, self._fetch),
            (1, self._die),
            (1, self._take_over),
        )
        return self.rng.choices([act for _, act in acts], [weight for weight, _ in acts])[0]

    async def _done(self, act: Callable[[], Awaitable[str]]) -> None:
        try:
            self.said.append(f"{act.__name__}: {await act()}")
        except EvercertError as error:
            # A node that dies under a request.
            if "dead" not in str(error):
                raise

    def _client(self) -> Client | None:
        return self.rng.choice(self.clients) if self.clients else None

    def _wire(self, client: Client) -> Wire:
        """Its connection to one of the nodes."""
        number = self.rng.randrange(len(self.nodes))
        return Wire(self.nodes[number].node.site, client.key, client.kid)

    async def _register(self) -> str:
        if len(self.clients) > 8:
            return "enough"
        client = Client(generate(KeyType.EC256))
        wire = self._wire(client)
        answer = await wire.register()
        if answer.status == 201:
            client.kid = wire.kid
            self.clients.append(client)
        return str(answer.status)

    async def _order(self) -> str:
        if (client := self._client()) is None:
            return "nobody"
        names = self.rng.sample(_NAMES[:3], self.rng.randint(1, 2)) if self.rng.random() < 0.8 else [_NAMES[3]]
        answer = await self._wire(client).order(*names)
        if answer.status == 201:
            client.orders.append(header(answer, "location"))
        return f"{names} {answer.status}"

    async def _open_order(self, wire: Wire, client: Client) -> dict[str, Any]:
        if not client.orders:
            return {}
        url = self.rng.choice(client.orders[-4:])
        answer = await wire.post(url)
        return {**read(answer), "url": url} if answer.status == 200 else {}

    async def _answer(self) -> str:
        """A challenge of an open order, rightly or wrongly."""
        if (client := self._client()) is None:
            return "nobody"
        wire = self._wire(client)
        order = await self._open_order(wire, client)
        for url in order.get("authorizations", ()):
            answer = await wire.post(url)
            shown = read(answer)
            if answer.status != 200 or shown["status"] != "pending":
                continue
            kind = "dns-01" if shown.get("wildcard") or self.rng.random() < 0.3 else "http-01"
            challenge = next((each for each in shown["challenges"] if each["type"] == kind), None)
            if challenge is None:
                continue
            if self.rng.random() < 0.85:
                self._show(url, shown["identifier"]["value"], kind, challenge["token"], client.key)
            await wire.post(challenge["url"], {})
        return str(order.get("status"))

    def _show(self, url: str, name: str, kind: str, token: str, key: PrivateKey) -> None:
        """From now on the world shows the right answer, and the authorization may become valid."""
        self.shown.add(url)
        world = self.nodes[0]
        if kind == "http-01":
            world.serve(name, token, key)
        else:
            value = dns_value(key_authorization(token, key.jwk))
            world.network.texts.setdefault(f"_acme-challenge.{name}", []).append(value.encode())

    async def _finalize(self) -> str:
        """With the names of the order, or not; once or by several at once, with one request or with several."""
        if (client := self._client()) is None:
            return "nobody"
        order = await self._open_order(self._wire(client), client)
        if not order:
            return "nothing"
        names = [each["value"] for each in order["identifiers"]] if self.rng.random() < 0.9 else ["x.example.test"]
        csrs = [encoded(build_csr(generate(KeyType.EC256), parse_identifiers(names))) for _ in range(2)]
        racers = [self._wire(client) for _ in range(self.rng.choice((1, 1, 2, 4)))]
        asked = (racer.post(order["finalize"], {"csr": self.rng.choice(csrs)}) for racer in racers)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return str([each.status if isinstance(each, Answer) else repr(each) for each in answers])

    async def _spy(self) -> str:
        """Another account sees nothing and changes nothing."""
        client, other = self._client(), self._client()
        if client is None or other is None or client is other or not other.orders:
            return "nobody"
        wire, target = self._wire(client), self.rng.choice(other.orders)
        for url, payload in ((target, None), (f"{target}/finalize", {"csr": "AAAA"}), (other.kid, None)):
            answer = await wire.post(url, payload)
            assert answer.status >= 400, (url, answer)
        return "seen nothing"

    async def _give_up(self) -> str:
        if (client := self._client()) is None:
            return "nobody"
        wire = self._wire(client)
        order = await self._open_order(wire, client)
        if not order or self.rng.random() < 0.5:
            return "not"
        answer = await wire.post(self.rng.choice(order["authorizations"]), {"status": "deactivated"})
        return str(answer.status)

    async def _change_key(self) -> str:
        if (client := self._client()) is None:
            return "nobody"
        wire, new = self._wire(client), generate(KeyType.EC256)
        url = f"{BASE}/acme/key-change"
        answer = await wire.raw(
            url, await wire.signed(url, key_change(client.key, new, account_url=client.kid, url=url))
        )
        if answer.status == 200:
            client.key = new
        elif answer.status >= 500:
            # Its node died: the key may have been changed or not.
            with suppress(EvercertError):
                client.key = (
                    new if (await Wire(wire.site, new, client.kid).post(client.kid)).status == 200 else client.key
                )
        return str(answer.status)

    async def _leave(self) -> str:
        if (client := self._client()) is None or self.rng.random() < 0.6:
            return "nobody"
        answer = await self._wire(client).post(client.kid, {"status": "deactivated"})
        return f"{client.kid} {answer.status}"

    async def _fetch(self) -> str:
        if (client := self._client()) is None:
            return "nobody"
        wire = self._wire(client)
        order = await self._open_order(wire, client)
        if "certificate" not in order:
            return "none"
        answer = await wire.post(order["certificate"])
        assert answer.status in {200, 400, 401, 503}, answer
        return str(answer.status)

    async def _die(self) -> str:
        """A node dies in the midst of whatever it does, and comes again."""
        number = self.rng.randrange(2)
        self.dbs[number].is_dead = True
        await self.lives[number].aclose()
        await self._open(number)
        return str(number)

    async def _take_over(self) -> str:
        world = self.rng.choice(self.nodes)
        await world.node.attempts.take_over()
        await world.node.issuance.take_over()
        return "done"

    # The nodes

    async def _open(self, number: int) -> None:
        life, made = AsyncExitStack(), list[Mortal]()

        def wrapped(db: Database) -> Database:
            made.append(Mortal(db))
            return made[0]  # type: ignore[return-value]  # it has what it has not from the one that it wraps

        beside = self.nodes[0] if self.nodes else None
        seed = self.rng.randrange(1 << 30) | 8
        world = await life.enter_async_context(
            a_ca(self.folder, place=self.place, beside=beside, wrapped=wrapped, is_alone=False, seed=seed)
        )
        for kept, new in ((self.nodes, world), (self.dbs, made[0]), (self.lives, life)):
            kept[number : number + 1] = [new]  # type: ignore[index, assignment]

    async def _end(self) -> None:
        for life in self.lives:
            await life.aclose()

    def _pass_time(self, how_much: timedelta) -> None:
        self.said.append(f"{how_much} pass")
        self.nodes[0].clock.advance(how_much)

    # What must be true

    async def look(self) -> None:
        """Raises `AssertionError` where something is not as it must be."""
        db = self.dbs[0].db
        seen = await self._seen(db)
        for (kind, number), status in seen.statuses.items():
            before = self.before.statuses.get((kind, number), status)
            assert status in reachable(_MOVES[kind], before), (kind, number, before, status, self.said[-30:])
        for order in seen.orders.values():
            self._check_order(order, seen)
        for authorization in seen.authorizations.values():
            url = f"{BASE}/acme/authz/{authorization.id}"
            assert authorization.validated_at is None or url in self.shown, (url, self.said[-30:])
        twice = await _rows(db, "SELECT order_id FROM certificates GROUP BY order_id HAVING count(*) > 1")
        lost = await _rows(
            db,
            "SELECT c.serial FROM certificates AS c INNER JOIN orders AS o ON c.order_id = o.id "
            "WHERE o.certificate <> c.serial",
        )
        assert (twice, lost) == ([], []), self.said[-30:]
        await auditing.verify(db)
        self.before = seen

    def _check_order(self, order: Order, seen: Seen) -> None:
        """An order that is being issued for had every right when that began, and one that is valid a certificate."""
        was = self.before.orders.get(order.id)
        if order.stored_status in {"processing", "valid"} and (was is None or was.stored_status == "pending"):
            for number, _, _ in order.authorizations:
                before = self.before.statuses.get(("authorization", number), "pending")
                assert before in {"pending", "valid"}, (order, before, self.said[-30:])
                assert seen.authorizations[number].validated_at is not None, (order, self.said[-30:])
        assert bool(order.certificate) == (order.stored_status == "valid"), (order, self.said[-30:])

    async def _seen(self, db: Database) -> Seen:
        now = self.nodes[0].clock.now()
        of_orders = {
            n: found for (n,) in await _rows(db, "SELECT id FROM orders") if (found := await orders.get(db, n))
        }
        of_names = {
            number: found
            for (number,) in await _rows(db, "SELECT id FROM authorizations")
            if (found := await authorizations.get(db, number))
        }
        statuses = {("order", number): each.status(now) for number, each in of_orders.items()}
        statuses |= {("authorization", number): each.status(now) for number, each in of_names.items()}
        for (number,) in await _rows(db, "SELECT id FROM accounts"):
            if account := await accounts.get(db, number):
                statuses["account", number] = account.status
        return Seen(statuses, of_orders, of_names)


def reachable(moves: state.Moves, status: str) -> set[str]:
    """What may be found some time after *status*, itself among it."""
    found, left = {status}, [status]
    while left:
        left = [each for follower in left for each in moves[follower] if each not in found]
        found |= set(left)
    return found


async def _rows(db: Database, sql: LiteralString) -> list[Row]:
    return await db.rows(Query("look", sql)())
