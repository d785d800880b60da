"""Clients that fail for ever (Boulder's zombies): paused after so many failures in a row, until somebody lifts it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from evercert.base.errors import EvercertError
from evercert.ca.limits import Limits
from evercert.ca.operating.office import Office
from evercert.ca.operating.rationing import buckets, unpause
from evercert.ca.operating.sets import sets_of
from evercert.ca.pausing import Pausing
from evercert.ca.retention import Keeping
from evercert.ca.store import pauses
from evercert.ca.store.schema import MIGRATIONS
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from tests.ca.given import World, a_ca
from tests.ca.protocol.test_certificates import issued
from tests.ca.protocol.wire import Wire, header, kind_of, read

HELP = "https://help.test/paused"


@pytest.fixture
async def world(tmp_path: Path, new_place: Callable[[Sequence[Migration]], Place]) -> AsyncIterator[World]:
    limits = Limits(pausing=Pausing(3, HELP))
    async with a_ca(tmp_path / "ca", place=new_place(MIGRATIONS), limits=limits) as world:
        yield world


@pytest.fixture
def office(world: World) -> Office:
    desk = world.node.desk
    return Office(desk.db, world.clock, Random(3), desk.sealer, desk.profiles, desk.revoking, "tester", desk.limits)


async def fail(world: World, wire: Wire, name: str) -> Any:
    """What newOrder answers; where it answers with an order, that has failed afterwards."""
    answer = await wire.order(name)
    if answer.status == 201:
        (url,) = read(answer)["authorizations"]
        authorization = read(await wire.post(url))
        (challenge,) = [each for each in authorization["challenges"] if each["type"] == "http-01"]
        await wire.post(challenge["url"], {})
        while read(await wire.post(url))["status"] == "pending":
            await world.clock.sleep(0.5)
            wire.forget()
    return answer


async def test_a_name_that_fails_in_a_row_is_not_tried_any_more(world: World, office: Office) -> None:
    wire = Wire(world.node.site)
    await wire.register()
    for _ in range(3):
        assert (await fail(world, wire, "dead.test")).status == 201
    answer = await fail(world, wire, "dead.test")
    assert (answer.status, kind_of(answer), read(answer)["instance"]) == (429, "rateLimited", HELP)
    assert int(header(answer, "retry-after")) == 86400
    assert (await wire.order("other.test")).status == 201
    stranger = Wire(world.node.site)
    await stranger.register()
    assert (await stranger.order("dead.test")).status == 201
    (paused,) = await pauses.newest(office.db, 10)
    assert (paused.identifier, paused.failures) == ("dead.test", 3)
    await unpause(office, paused.account_id, "dead.test")
    assert (await wire.order("dead.test")).status == 201
    with pytest.raises(EvercertError, match="not paused"):
        await unpause(office, paused.account_id, "dead.test")


async def test_a_success_begins_the_count_anew(world: World) -> None:
    wire = Wire(world.node.site)
    await wire.register()
    for _ in range(2):
        await fail(world, wire, "www.test")
    world.network.names.clear()
    await issued(world, wire, "www.test")
    world.network.names.clear()
    world.network.pages.clear()
    world.clock.advance(timedelta(days=60))
    wire.forget()
    for _ in range(3):
        assert (await fail(world, wire, "www.test")).status == 201
    assert (await fail(world, wire, "www.test")).status == 429


async def test_what_was_paused_is_forgotten_once_nobody_asks(world: World, office: Office) -> None:
    wire = Wire(world.node.site)
    await wire.register()
    for _ in range(3):
        await fail(world, wire, "dead.test")
    await fail(world, wire, "once.test")
    keeping = Keeping(office.db, world.clock)
    world.clock.advance(timedelta(days=30))
    await keeping.prune()
    assert len(await pauses.newest(office.db, 10)) == 1
    world.clock.advance(timedelta(days=70))
    await keeping.prune()
    assert await pauses.newest(office.db, 10) == []


async def test_the_bucket_of_a_set_of_names_is_shown_with_them(world: World, office: Office) -> None:
    first, second = Wire(world.node.site), Wire(world.node.site)
    await first.register()
    await second.register()
    for wire, names in ((first, ("b.test", "a.test")), (first, ("c.test",)), (second, ("c.test",))):
        await wire.order(*names)
    accounts = [wire.kid.rpartition("/")[2] for wire in (first, second)]
    shown = await buckets(office, "orders-per-set", 10)
    assert {(each.key.partition(" ")[0], each.names) for each in shown} == {
        (accounts[0], ("b.test", "a.test")),
        (accounts[0], ("c.test",)),
        (accounts[1], ("c.test",)),
    }
    assert all(each.names == () for each in await buckets(office, "orders-per-account", 10))


async def test_the_names_of_a_set_are_found_among_very_many_orders(world: World, office: Office) -> None:
    wire = Wire(world.node.site)
    await wire.register()
    for number in range(5):
        await wire.order(f"n{number}.test")
    account = wire.kid.rpartition("/")[2]
    keys = {each.key for each in await buckets(office, f"orders-per-set {account}", 10)}
    found = await sets_of(office.db, keys, portion=2)
    assert {str(name) for names in found.values() for name in names} == {f"n{number}.test" for number in range(5)}
    assert len(await sets_of(office.db, keys, portion=2, most=3)) == 3
    assert await sets_of(office.db, [f"{account} {'0' * 64}", f"1 {'0' * 64}"]) == {}


async def test_so_many_orders_are_looked_through_of_all_accounts_together(world: World, office: Office) -> None:
    keys: list[str] = []
    for _ in range(3):
        wire = Wire(world.node.site)
        await wire.register()
        for number in range(4):
            await wire.order(f"n{number}.test")
        account = wire.kid.rpartition("/")[2]
        keys += [each.key for each in await buckets(office, f"orders-per-set {account}", 10)]
    assert len(keys) == 12
    # They take turns, and none uses up what the others need.
    found = await sets_of(office.db, keys, most=6)
    assert sorted(Counter(key.partition(" ")[0] for key in found).values()) == [2, 2, 2]
    pruned = [f"{key.partition(' ')[0]} {'0' * 64}" for key in keys]
    assert len(await sets_of(office.db, [*keys, *pruned], portion=2, most=12)) == 12
    assert await sets_of(office.db, []) == {}


async def test_buckets_are_shown_with_what_is_gone(world: World, office: Office) -> None:
    wire = Wire(world.node.site)
    await wire.register()
    for number in range(3):
        await wire.order(f"n{number}.test")
    account = wire.kid.rpartition("/")[2]
    (shown,) = await buckets(office, f"orders-per-account {account}", 10)
    assert (shown.limit, shown.key, shown.taken, shown.count) == ("orders-per-account", account, 3, 50_000)
    (network,) = await buckets(office, "accounts-per-network", 10)
    assert (network.taken, network.is_overridden) == (1, False)
    assert await buckets(office, "100%", 10) == []
    override = replace(office.limits, overrides={f"{network.limit} {network.key}": office.limits.table[network.limit]})
    (network,) = await buckets(replace(office, limits=override), "accounts-per-network", 10)
    assert network.is_overridden
