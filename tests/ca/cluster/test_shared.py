"""What one node was told, the next one knows at once: nothing that decides is kept in a node's own memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from evercert.acme.jose import external_account_binding, key_change
from evercert.ca.limits import DEFAULTS, Limit, Limits
from evercert.ca.operating import external
from evercert.ca.operating.auditing import verify
from evercert.ca.operating.office import Office
from evercert.ca.store.schema import MIGRATIONS
from evercert.db.protocol import Query
from evercert.pki.keys import KeyType, generate
from tests.ca.given import BASE, World, a_ca
from tests.ca.protocol.test_certificates import csr_for, issued, ready
from tests.ca.protocol.wire import Wire, encoded, header, kind_of, read
from tests.fakes.clock import FakeClock
from tests.peers.postgres import Postgres

CHANGE = f"{BASE}/acme/key-change"
NEW = f"{BASE}/acme/new-account"
LIMITS = Limits({**DEFAULTS, "orders-per-set": Limit(2, timedelta(days=30))})


@dataclass
class Pair:
    """Two nodes, and one client that speaks to both."""

    a: World
    b: World
    at_a: Wire
    at_b: Wire

    def meet(self) -> None:
        """Afterwards the client at the other node is the one at the first."""
        self.at_b.kid, self.at_b.key = self.at_a.kid, self.at_a.key


@pytest.fixture
async def pair(tmp_path: Path, postgres: Postgres) -> AsyncIterator[Pair]:
    place, clock = postgres.fresh(MIGRATIONS), FakeClock(settle=0.5)
    async with (
        a_ca(tmp_path / "a", place=place, clock=clock, seed=1, limits=LIMITS) as a,
        a_ca(tmp_path / "b", place=place, clock=clock, seed=2, limits=LIMITS) as b,
    ):
        pair = Pair(a, b, Wire(a.node.site), Wire(b.node.site))
        await pair.at_a.register()
        pair.meet()
        yield pair


async def test_a_nonce_of_one_node_is_taken_by_the_other_and_then_by_none(pair: Pair) -> None:
    kid, nonce = pair.at_a.kid, await pair.at_a.fresh()
    assert (await pair.at_b.post(kid, nonce=nonce)).status == 200
    for wire in (pair.at_a, pair.at_b, pair.at_a):
        assert kind_of(await wire.post(kid, nonce=nonce)) == "badNonce"


async def test_of_many_nodes_that_are_shown_one_nonce_at_once_one_takes_it(pair: Pair) -> None:
    nonce = await pair.at_a.fresh()
    signed = await pair.at_a.signed(pair.at_a.kid, None, nonce=nonce)
    asked = [wire.raw(pair.at_a.kid, signed) for wire in (pair.at_a, pair.at_b) * 5]
    statuses = sorted(answer.status for answer in await asyncio.gather(*asked))
    assert statuses == [200] + [400] * 9


async def test_an_account_that_was_ended_at_one_node_is_refused_by_the_other_at_once(pair: Pair) -> None:
    assert (await pair.at_b.post(pair.at_b.kid)).status == 200
    assert (await pair.at_a.post(pair.at_a.kid, {"status": "deactivated"})).status == 200
    assert kind_of(await pair.at_b.order("www.example.test")) == "unauthorized"


async def test_a_key_that_was_changed_at_one_node_is_refused_by_the_other_at_once(pair: Pair) -> None:
    assert (await pair.at_b.post(pair.at_b.kid)).status == 200
    new = generate(KeyType.EC256)
    inner = json.loads(key_change(pair.at_a.key, new, account_url=pair.at_a.kid, url=CHANGE))
    assert (await pair.at_a.post(CHANGE, inner)).status == 200
    assert (await pair.at_b.post(pair.at_b.kid)).status in {400, 403}
    pair.at_b.key = new
    assert (await pair.at_b.post(pair.at_b.kid)).status == 200


async def test_a_key_for_one_account_is_used_up_by_one_node_of_two(pair: Pair) -> None:
    desk = pair.a.node.desk
    office = Office(desk.db, pair.a.clock, Random(3), desk.sealer, desk.profiles, desk.revoking, "tester")
    out = await external.hand_out(office, label="build servers")

    async def bound(world: World) -> int:
        wire = Wire(world.node.site)
        binding = external_account_binding(out.key.kid, out.hmac_key, "HS256", wire.key.jwk, NEW)
        return (await wire.register(externalAccountBinding=binding)).status

    statuses = await asyncio.gather(*(bound(world) for world in (pair.a, pair.b) * 3))
    assert sorted(statuses)[0] == 201
    assert statuses.count(201) == 1


async def test_what_one_node_counts_the_other_refuses(pair: Pair) -> None:
    assert (await pair.at_a.order("www.example.test", profile="default")).status == 201
    assert (await pair.at_a.order("www.example.test", notAfter="2026-01-20T00:00:00Z")).status == 201
    refused = await pair.at_b.order("www.example.test", notAfter="2026-01-21T00:00:00Z")
    assert kind_of(refused) == "rateLimited"


async def test_what_was_revoked_at_one_node_is_revoked_at_the_other(pair: Pair) -> None:
    der = await issued(pair.a, pair.at_a, "www.example.test")
    revoke = f"{BASE}/acme/revoke-cert"
    assert (await pair.at_a.post(revoke, {"certificate": encoded(der)})).status == 200
    assert kind_of(await pair.at_b.post(revoke, {"certificate": encoded(der)})) == "alreadyRevoked"


async def test_orders_finalized_at_both_nodes_at_once_have_one_certificate_each(pair: Pair) -> None:
    orders = [await ready(pair.a, pair.at_a, f"n{number}.example.test") for number in range(10)]

    async def raced(order: dict[str, object], number: int) -> None:
        body = csr_for(f"n{number}.example.test")
        wires = [Wire(world.node.site, pair.at_a.key, pair.at_a.kid) for world in (pair.a, pair.b) * 2]
        answers = await asyncio.gather(*(wire.post(str(order["finalize"]), body) for wire in wires))
        assert {answer.status for answer in answers} == {200}, [read(answer) for answer in answers]

    await asyncio.gather(*(raced(order, number) for number, order in enumerate(orders)))
    counted = Query("counted", "SELECT order_id, count(*) FROM certificates WHERE order_id <> 0 GROUP BY order_id")
    rows = await pair.b.node.desk.db.rows(counted())
    assert sorted(count for _, count in rows) == [1] * len(orders)
    assert (await verify(pair.b.node.desk.db)).records


async def test_a_certificate_of_one_node_is_fetched_from_the_other(pair: Pair) -> None:
    order = await ready(pair.a, pair.at_a, "www.example.test")
    done = read(await pair.at_a.post(order["finalize"], csr_for("www.example.test")))
    fetched = await pair.at_b.post(done["certificate"])
    assert fetched.status == 200
    assert header(fetched, "content-type") == "application/pem-certificate-chain"
