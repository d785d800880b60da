"""Finalize, raced a thousand times on two nodes of one database: one certificate each (knrdl and UCM made two)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from evercert.acme.problem import Problem
from evercert.base.names import parse_identifier
from evercert.base.secret import Secret
from evercert.ca.nouns import Authorization, Order
from evercert.ca.profiles.profile import BUILT_IN
from evercert.ca.store import accounts, authorizations, orders
from evercert.ca.store.numbers import new_number
from evercert.ca.store.schema import MIGRATIONS
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from evercert.db.protocol import Query
from evercert.pki.csr import build_csr
from evercert.pki.keys import KeyType, generate
from tests.ca.given import World, a_ca
from tests.ca.protocol.wire import Wire

_RACES, _RACERS = 1000, 3
_KEYS = [generate(KeyType.EC256) for _ in range(_RACERS)]


async def test_of_a_thousand_races_each_makes_one_certificate(
    tmp_path: Path, new_place: Callable[[Sequence[Migration]], Place]
) -> None:
    place = new_place(MIGRATIONS)
    async with (
        a_ca(tmp_path / "ca", place=place, seed=8, is_alone=False) as one,
        a_ca(tmp_path / "ca", place=place, seed=9, is_alone=False, beside=one) as another,
    ):
        placed = await ready_orders(one)
        won: Counter[int] = Counter()
        for begin in range(0, _RACES, 50):
            races = [race(each, (one, another)) for each in placed[begin : begin + 50]]
            for order, certificates in await asyncio.gather(*races):
                won[order] += len(certificates)
        counted = await one.node.desk.db.rows(
            Query("count", "SELECT o.id, count(*) FROM orders AS o INNER JOIN certificates AS c ON c.order_id = o.id "
                  "WHERE o.status = 'valid' GROUP BY o.id")()
        )  # fmt: skip
    assert (len(counted), {number for _, number in counted}) == (_RACES, {1})
    assert set(won.values()) == {1}


async def race(order: Order, worlds: Sequence[World]) -> tuple[int, set[str]]:
    """The certificates that the racers were shown, each with a request of its own."""
    csrs = [build_csr(key, order.identifiers) for key in _KEYS]
    account = await accounts.get(worlds[0].node.desk.db, order.account_id)
    assert account is not None
    asked = (worlds[at % 2].node.issuance.finalize(order, account, csr) for at, csr in enumerate(csrs))
    ended = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, Order | Problem) for each in ended), ended
    return order.id, {each.certificate for each in ended if isinstance(each, Order) and each.certificate}


async def ready_orders(world: World) -> list[Order]:
    """So many orders of one account, for one name each, with everything proved."""
    wire = Wire(world.node.site)
    await wire.register()
    account, now, rng = int(wire.kid.rpartition("/")[2]), world.clock.now(), Random(4)
    made = []
    for number in range(_RACES):
        identifier = parse_identifier(f"n{number}.example.test")
        end = now + BUILT_IN["default"].order_life
        proof = Authorization(
            new_number(now, rng), account, identifier, "default", "valid", Secret("t").text(), ("http-01",), "http-01",
            now, now, None, end,
        )  # fmt: skip
        order = Order(new_number(now, rng), account, "pending", (identifier,), "default", end, now,
                      ((proof.id, "valid", end),))  # fmt: skip
        await world.node.desk.db.write(authorizations.added(proof, now), *orders.added(order, f"digest {number}"))
        made.append(order)
    return made
