"""Accounts that another process makes, changes or ends while this one has them in use."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from evercert.acme.problem import URN, Problem, ProblemType
from evercert.base.errors import EvercertError
from evercert.engine.accounts import Registered
from evercert.engine.rollover import roll_over
from evercert.engine.wiring import Engine
from evercert.model.event import AccountChanged
from evercert.model.fact import AccountStatus
from evercert.pki.keys import KeyType, generate
from evercert.store import accounts, events, keys
from tests.engine.world import World
from tests.fakes.ca import Fault


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def known(world: World, engine: Engine) -> Registered:
    return await engine.accounts.registered(world.ca.directory_url, "default")


async def changes(engine: Engine) -> list[str]:
    """What happened to accounts, the newest first."""
    happened = [each.event for each in await events.latest(engine.db, 50)]
    return [event.change for event in happened if isinstance(event, AccountChanged)]


async def test_two_processes_that_begin_at_once_share_one_account(world: World) -> None:
    async with world.engine() as one, world.engine() as other:
        first, second = await asyncio.gather(known(world, one), known(world, other))
    assert first.account == second.account
    assert len(world.ca.accounts) == 1


async def test_a_key_that_another_process_gave_the_account_is_used_from_then_on(world: World) -> None:
    async with world.engine() as staying, world.engine() as command:
        await world.obtain(staying, world.intent("www.a.test"))
        account = (await known(world, command)).account
        await roll_over(command.db, command.sealer, command.accounts, account, world.clock, KeyType.EC256)
        fact = await world.obtain(staying, world.intent("www.b.test"))
    assert fact.failure is None
    assert fact.current is not None


async def test_an_account_that_another_process_ended_is_not_used_any_more(world: World) -> None:
    async with world.engine() as staying, world.engine() as command:
        await world.obtain(staying, world.intent("www.a.test"))
        registered = await known(world, command)
        await registered.client.deactivate_account()
        await accounts.end(command.db, registered.account, AccountStatus.DEACTIVATED, now=world.clock.now())
        fact = await world.obtain(staying, world.intent("www.b.test"))
    assert fact.failure is None
    assert fact.current is not None


async def test_an_account_that_two_processes_find_lost_is_given_up_once(world: World) -> None:
    async with world.engine() as one, world.engine() as other:
        lost = [await known(world, engine) for engine in (one, other)]
        world.ca.accounts.clear()
        forgotten = Problem(ProblemType.ACCOUNT_DOES_NOT_EXIST)
        await asyncio.gather(one.accounts.judged(lost[0], forgotten), other.accounts.judged(lost[1], forgotten))
        again = [await known(world, engine) for engine in (one, other)]
    assert again[0].account == again[1].account
    assert again[0].account.id != lost[0].account.id
    assert len(world.ca.accounts) == 1


async def test_an_account_that_was_ended_elsewhere_is_told_of_and_the_next_attempt_registers_another(
    world: World,
) -> None:
    async with world.engine() as engine:
        await world.obtain(engine, world.intent("www.a.test"))
        (url,) = world.ca.accounts
        world.ca.accounts[url].status = "deactivated"
        fact = await world.obtain(engine, world.intent("www.b.test"))
        assert [each.status for each in await accounts.listed(engine.db)] == [AccountStatus.DEACTIVATED]
        assert fact.failure is not None
        assert f"the account {url} is deactivated" in fact.failure.message
        assert f"(at {world.ca.directory_url})" in fact.failure.message
        assert any(
            f"{world.ca.directory_url} says that the account {url} is deactivated" in line for line in world.told
        )
        assert fact.failure.hint.startswith("somebody who has its key did that, or the CA; the next attempt registers")
        await world.pass_time(engine, timedelta(minutes=5))
        assert (await world.fact(engine, "www.b.test")).current is not None
        assert (await known(world, engine)).account.url != url
    assert len(world.ca.accounts) == 2


async def test_many_that_find_an_account_ended_register_one_other(world: World) -> None:
    async with world.engine() as one, world.engine() as other:
        ended = [await known(world, engine) for engine in (one, other)]
        (url,) = world.ca.accounts
        world.ca.accounts[url].status = "deactivated"
        refused = Problem(ProblemType.UNAUTHORIZED)
        told = await asyncio.gather(
            *(
                engine.accounts.judged(each, refused)
                for engine, each in zip((one, other), ended, strict=True)
                for _ in "abc"
            )
        )
        assert len({each.message for each in told}) == 1
        assert (await changes(one)).count("deactivated") == 1
        again = [await known(world, engine) for engine in (one, other)]
    assert again[0].account == again[1].account
    assert len(world.ca.accounts) == 2


@pytest.mark.parametrize("body", [json.dumps({"type": f"{URN}unauthorized", "detail": "no"}).encode(), b"<h1>No</h1>"])
async def test_an_account_that_is_alive_stays_whatever_else_is_not_allowed(world: World, body: bytes) -> None:
    async with world.engine() as engine:
        account = (await known(world, engine)).account
        world.ca.fail("new-order", Fault.answered(403, body))
        fact = await world.obtain(engine, world.intent("www.a.test"))
        assert fact.failure is not None
        assert "account" not in fact.failure.message
        assert (await known(world, engine)).account == account


async def test_a_gateway_that_forbids_everything_ends_no_account(world: World) -> None:
    async with world.engine() as engine:
        account = (await known(world, engine)).account
        for resource in ("new-order", "account", "new-account"):
            world.ca.fail(resource, Fault.answered(403, b"<h1>Forbidden</h1>"))
        assert (await world.obtain(engine, world.intent("www.a.test"))).failure is not None
        assert (await known(world, engine)).account == account


async def test_a_ca_that_refuses_everybody_for_a_while_ends_no_account(world: World) -> None:
    async with world.engine() as engine:
        account = (await known(world, engine)).account
        for resource in ("new-order", "account", "new-account"):
            world.ca.fail(resource, Fault.refused(ProblemType.UNAUTHORIZED, "the tenant is suspended"), times=3)
        fact = await world.obtain(engine, world.intent("www.a.test"))
        assert fact.failure is not None
        assert "the tenant is suspended" in fact.failure.message
        world.ca._faults.clear()
        await world.pass_time(engine, timedelta(hours=1))
        assert (await world.fact(engine, "www.a.test")).current is not None
        assert (await known(world, engine)).account == account
    assert len(world.ca.accounts) == 1


async def test_an_account_whose_key_is_being_changed_is_not_taken_for_ended(world: World) -> None:
    async with world.engine() as staying, world.engine() as command:
        before = await known(world, staying)
        account = (await known(world, command)).account
        await roll_over(command.db, command.sealer, command.accounts, account, world.clock, KeyType.EC256)
        refused = Problem(ProblemType.UNAUTHORIZED)
        assert await staying.accounts.judged(before, refused) is refused
        assert (await known(world, staying)).account.status is AccountStatus.VALID


async def test_a_rollover_that_succeeded_and_was_told_badly_keeps_the_new_key(world: World) -> None:
    async with world.engine() as engine:
        account = (await known(world, engine)).account
        world.ca.fail("account", Fault.answered(429))
        with pytest.raises(EvercertError):
            await roll_over(engine.db, engine.sealer, engine.accounts, account, world.clock, KeyType.EC256)
        fact = await world.obtain(engine, world.intent("www.a.test"))
        settled = (await known(world, engine)).account
    assert fact.failure is None
    assert (settled.key_id != account.key_id, settled.next_key_id) == (True, None)


@pytest.mark.parametrize("was_sent", [False, True])
async def test_a_process_that_died_in_a_rollover_leaves_an_account_that_can_be_used(
    world: World, was_sent: bool
) -> None:
    async with world.engine() as engine:
        registered, key = await known(world, engine), generate(KeyType.EC256)
        next_key_id = await keys.add(engine.db, engine.sealer, key, "account", world.clock.now())
        await accounts.begin_rollover(engine.db, registered.account, next_key_id, now=world.clock.now())
        if was_sent:
            await registered.client.roll_over(key)
    async with world.engine() as engine:
        fact = await world.obtain(engine, world.intent("www.a.test"))
        account = (await known(world, engine)).account
        assert fact.failure is None
        await roll_over(engine.db, engine.sealer, engine.accounts, account, world.clock, KeyType.EC256)
        fact = await world.obtain(engine, world.intent("www.b.test"))
        assert fact.failure is None


async def test_a_rollover_whose_outcome_cannot_be_asked_stays_in_doubt(world: World) -> None:
    async with world.engine() as engine:
        account = (await known(world, engine)).account
        world.ca.fail("account", Fault.answered(429))
        world.ca.fail("new-account", Fault.answered(429))
        with pytest.raises(EvercertError):
            await roll_over(engine.db, engine.sealer, engine.accounts, account, world.clock, KeyType.EC256)
        assert (await accounts.listed(engine.db))[0].next_key_id is not None
        assert (await world.obtain(engine, world.intent("www.a.test"))).failure is None
