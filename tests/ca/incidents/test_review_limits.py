"""Limits that were got around, or that one account could use up for others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evercert.base.names import Identifier
from evercert.ca.limits import Limit, Limits
from evercert.ca.nouns import Authorization
from evercert.ca.store.orders import digest_of
from evercert.ca.store.schema import MIGRATIONS
from evercert.ca.validation.pool import ValidationPool
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from tests.ca.given import BASE, World, a_ca
from tests.ca.protocol.wire import Wire, header, kind_of, read

AUTHZ = f"{BASE}/acme/new-authz"
HOUR = timedelta(hours=1)


def with_limits(counts: dict[str, int]) -> pytest.MarkDecorator:
    """In an hour; there are no others."""
    return pytest.mark.parametrize("counts", [pytest.param(counts, id="")])


@pytest.fixture
async def world(
    counts: dict[str, int], tmp_path: Path, new_place: Callable[[Sequence[Migration]], Place]
) -> AsyncIterator[World]:
    table = {name: Limit(count, HOUR) for name, count in counts.items()}
    async with a_ca(tmp_path / "ca", place=new_place(MIGRATIONS), limits=Limits(table)) as world:
        yield world


@pytest.fixture
def wire(world: World) -> Wire:
    return Wire(world.node.site)


async def ahead(wire: Wire, name: str) -> tuple[str, str]:
    """The problem's type, or "", and the authorization."""
    answer = await wire.post(AUTHZ, {"identifier": {"type": "dns", "value": name}})
    return kind_of(answer), header(answer, "location")


async def fail(wire: Wire, authorization: str) -> str:
    """The problem's type, or "" where the challenge was taken and has failed."""
    challenge = read(await wire.post(authorization))["challenges"][0]
    return kind_of(await wire.post(challenge["url"], {}))


@with_limits({"orders-per-account": 2})
async def test_authorizations_ahead_of_orders_are_counted(wire: Wire) -> None:
    """They were not, and each was a row."""
    await wire.register()
    made = [(await ahead(wire, f"{number}.test"))[0] for number in range(3)]
    assert made == ["", "", "rateLimited"]
    assert kind_of(await wire.order("x.test")) == "rateLimited"


@with_limits({"failures-per-name": 1})
async def test_a_name_that_fails_is_not_tried_ahead_of_an_order_either(wire: Wire) -> None:
    await wire.register()
    assert await fail(wire, (await ahead(wire, "a.test"))[1]) == ""
    assert (await ahead(wire, "a.test"))[0] == "rateLimited"


@with_limits({"failures-per-name": 1})
async def test_what_was_made_before_the_failures_is_not_tried_after_them(wire: Wire) -> None:
    """Authorizations of one name for several profiles, all made before one of them had failed."""
    await wire.register()
    made = [read(await wire.order("a.test", profile=each))["authorizations"][0] for each in ("default", "mtls")]
    assert [await fail(wire, each) for each in made] == ["", "rateLimited"]
    assert read(await wire.post(made[1]))["status"] == "pending"


@with_limits({"orders-per-set": 1})
async def test_another_date_is_not_another_set_of_names(world: World, wire: Wire) -> None:
    await wire.register()
    assert (await wire.order("a.test", "b.test")).status == 201
    assert kind_of(await wire.order("b.test", "a.test", notAfter="2026-01-02T00:00:00Z")) == "rateLimited"
    assert kind_of(await wire.order("b.test", "a.test", profile="mtls")) == "rateLimited"


@with_limits({"orders-per-set": 1})
async def test_nobody_uses_up_what_others_may_order(world: World, wire: Wire) -> None:
    """Nothing has to be proved for an order, so a stranger could order somebody's names until that had to wait."""
    stranger = Wire(world.node.site)
    for each in (stranger, wire):
        await each.register()
        assert (await each.order("a.test")).status == 201


@with_limits({"accounts-per-network": 0})
async def test_a_limit_of_none_lets_nothing_through(world: World, wire: Wire) -> None:
    """It let the first one through, and one more in each of its times."""
    for _ in range(2):
        assert kind_of(await wire.register()) == "rateLimited"
        world.clock.advance(2 * HOUR)
        wire.forget()


def claimed(number: int, account: int, world: World) -> Authorization:
    now = world.clock.now()
    return Authorization(
        id=number,
        account_id=account,
        identifier=Identifier("dns", "a.test"),
        profile="default",
        stored_status="pending",
        token="token",
        offered=("http-01",),
        attempted="http-01",
        attempted_at=now,
        validated_at=None,
        error=None,
        expires_at=now + HOUR,
    )


@with_limits({})
async def test_nothing_is_kept_of_validations_that_had_to_make_room(world: World) -> None:
    pool = ValidationPool(lambda key, error: None, total=1, per_account=1, waiting=2)
    taken: dict[int, Authorization] = {}
    attempts = replace(world.node.attempts, pool=pool, _taken=taken)
    ends = [attempts.begin(claimed(number, number // 10, world)) for number in (11, 12, 13, 14, 21, 22)]
    assert sorted(taken) == [11, 12, 13, 21]  # 13 had to make room for 21
    await asyncio.gather(*ends)
    await asyncio.sleep(0)
    assert not taken


def test_a_device_and_a_name_of_one_text_are_two_sets() -> None:
    assert digest_of([Identifier("dns", "a.test")]) != digest_of([Identifier("permanent-identifier", "a.test")])
