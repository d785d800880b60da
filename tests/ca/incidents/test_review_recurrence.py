"""Recurrent orders (RFC 8739) that went on where they should have stopped, and the other way round."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from evercert.base.errors import EvercertError
from evercert.base.probe import CaaRecord
from evercert.ca.operating import auditing
from evercert.ca.retention import Keeping
from evercert.ca.store import certificates, orders
from evercert.ca.store.schema import MIGRATIONS
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from evercert.pki.keys import KeyType
from tests.ca.given import BASE, World, a_ca
from tests.ca.protocol.test_certificates import csr_for, issued, ready
from tests.ca.protocol.wire import Wire, encoded, header, kind_of, read
from tests.pki.hierarchies import key_of

NAME = "www.example.test"
KEY = key_of(KeyType.EC256)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def world(tmp_path: Path, new_place: Callable[[Sequence[Migration]], Place]) -> AsyncIterator[World]:
    async with a_ca(tmp_path / "ca", place=new_place(MIGRATIONS)) as world:
        yield world


@pytest.fixture
def wire(world: World) -> Wire:
    return Wire(world.node.site)


def recurring(world: World, life: timedelta, end: timedelta, **more: Any) -> dict[str, Any]:
    until = (world.clock.now() + end).strftime("%Y-%m-%dT%H:%M:%SZ")
    members = {"end-date": until, "lifetime": int(life.total_seconds()), "allow-certificate-get": True}
    return {"auto-renewal": members | more}


async def begun(world: World, wire: Wire, life: timedelta, end: timedelta) -> dict[str, Any]:
    """A recurrent order with its first certificate."""
    await wire.register()
    order = await ready(world, wire, NAME, **recurring(world, life, end))
    done = await wire.post(order["finalize"], csr_for(NAME, key=KEY))
    return {**read(done), "url": header(done, "location")}


async def recur(world: World, wire: Wire, *, after: timedelta, times: int = 3) -> None:
    world.clock.advance(after)
    wire.forget()
    for _ in range(times):
        await world.node.issuance.recur()


async def written(world: World, kind: str) -> int:
    return len(await auditing.latest(world.node.desk.db, 100, kind))


async def test_a_certificate_that_recurs_lives_no_longer_than_its_profile_gives(world: World, wire: Wire) -> None:
    """It was cut to the profile's life, so half of what had been asked for was over at once: the next one was due
    before the first was signed, and the one after it, without an end."""
    await wire.register()
    assert kind_of(await wire.order(NAME, **recurring(world, 300 * DAY, 365 * DAY))) == "malformed"
    padded = recurring(world, 60 * DAY, 365 * DAY, **{"lifetime-adjust": 59 * 86400})
    assert kind_of(await wire.order(NAME, **padded)) == "malformed"
    assert (await wire.order(NAME, **recurring(world, 90 * DAY, 365 * DAY))).status == 201


async def test_a_recurrence_begins_when_a_certificate_may(world: World, wire: Wire) -> None:
    await wire.register()
    start = (world.clock.now() + 100 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert kind_of(await wire.order(NAME, **recurring(world, DAY, 110 * DAY, **{"start-date": start}))) == "malformed"


async def test_certificates_that_their_issuers_end_cuts_short_do_not_come_in_a_flood(world: World, wire: Wire) -> None:
    world.clock.advance(timedelta(days=365 * 5) - 3 * DAY)
    await begun(world, wire, 10 * DAY, 365 * DAY)
    await recur(world, wire, after=HOUR)
    assert await written(world, "issued") == 1
    await recur(world, wire, after=36 * HOUR)
    assert await written(world, "issued") == 2


async def test_a_key_that_is_compromised_recurs_no_more(world: World, wire: Wire) -> None:
    order = await begun(world, wire, 10 * DAY, 100 * DAY)
    der = encoded(await issued(world, wire, NAME, key=KEY))
    assert (await wire.post(f"{BASE}/acme/revoke-cert", {"certificate": der, "reason": 1})).status == 200
    await recur(world, wire, after=6 * DAY)
    await recur(world, wire, after=HOUR)
    shown = read(await wire.post(order["url"]))
    assert (shown["status"], shown["error"]["type"].rpartition(":")[2]) == ("canceled", "badCSR")
    assert kind_of(await wire.get(order["star-certificate"])) == "autoRenewalCanceled"
    assert await written(world, "refused") == 1


async def test_a_key_that_is_blocked_while_it_is_signed_gets_nothing(world: World, wire: Wire) -> None:
    await wire.register()
    url = (await ready(world, wire, NAME))["finalize"].removesuffix("/finalize")
    db, now = world.node.desk.db, world.clock.now()
    order = await orders.get(db, int(url.rpartition("/")[2]))
    assert order is not None
    assert await orders.begin_processing(db, order.id, b"csr", now=now, until=now + HOUR)
    await db.write(certificates.blocked("digest", "compromised", now))
    with pytest.raises(EvercertError):
        await db.write(orders.finished(replace(order, turn=now + HOUR), "ab", key_digest="digest"))
    await db.write(orders.finished(replace(order, turn=now + HOUR), "ab", key_digest="other"))


async def test_what_caa_forbids_now_is_tried_again_later_and_not_all_the_time(world: World, wire: Wire) -> None:
    """Every minute it was tried, and written into the audit."""
    order = await begun(world, wire, 12 * DAY, 100 * DAY)
    world.network.records[NAME] = [CaaRecord(0, "issue", "other.test")]
    await recur(world, wire, after=7 * DAY)
    await recur(world, wire, after=HOUR)
    assert await written(world, "refused") == 1
    del world.network.records[NAME]
    await recur(world, wire, after=DAY)
    assert await written(world, "issued") == 2
    assert read(await wire.post(order["url"]))["status"] == "valid"


async def test_what_never_recurs_again_ends_with_its_end(world: World, wire: Wire) -> None:
    order = await begun(world, wire, 12 * DAY, 20 * DAY)
    world.network.records[NAME] = [CaaRecord(0, "issue", "other.test")]
    for _ in range(20):
        await recur(world, wire, after=DAY)
    tried = await written(world, "refused")
    await recur(world, wire, after=DAY)
    assert await written(world, "refused") == tried < 20
    assert kind_of(await wire.get(order["star-certificate"])) == "autoRenewalExpired"


async def test_an_order_is_there_as_long_as_its_certificates(world: World, wire: Wire) -> None:
    """It went a week after its order had ended, and its last certificate could not be fetched any more."""
    order = await begun(world, wire, 60 * DAY, 60 * DAY)
    world.clock.advance(30 * DAY)
    await Keeping(world.node.desk.db, world.clock).prune()
    assert (await wire.get(order["star-certificate"])).status == 200
    world.clock.advance(40 * DAY)
    await Keeping(world.node.desk.db, world.clock).prune()
    assert (await wire.get(order["star-certificate"])).status == 404
