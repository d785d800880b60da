"""Accounts that another process makes, changes or ends while this one has them in use."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from evercert.base.errors import EvercertError
from evercert.engine.accounts import Registered
from evercert.engine.rollover import roll_over
from evercert.engine.wiring import Engine
from evercert.model.fact import AccountStatus
from evercert.pki.keys import KeyType, generate
from evercert.store import accounts, cas, keys
from tests.engine.world import World
from tests.fakes.ca import Fault


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def known(world: World, engine: Engine) -> Registered:
    return await engine.accounts.registered(world.ca.directory_url, "default")


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
        await asyncio.gather(one.accounts.give_up(lost[0]), other.accounts.give_up(lost[1]))
        again = [await known(world, engine) for engine in (one, other)]
    assert again[0].account == again[1].account
    assert again[0].account.id != lost[0].account.id
    assert len(world.ca.accounts) == 1


async def test_whoever_registers_with_a_key_that_is_used_up_is_told_which_one(world: World, tmp_path: Path) -> None:
    problem = json.dumps({"type": "urn:ietf:params:acme:error:unauthorized", "detail": "used up"})
    secret = tmp_path / "hmac"
    secret.write_text("c2VjcmV0LW9mLXRoaXJ0eS10d28tb2N0ZXRzLS0tLS0")
    secret.chmod(0o600)
    async with world.engine() as engine:
        access = await cas.access(engine.db, world.ca.directory_url)
        bound = msgspec.structs.replace(access, eab_kid="kid-7", eab_key=f"file:{secret}", eab_algorithm="HS256")
        await cas.configure(engine.db, bound)
        world.ca.fail("new-account", Fault.answered(401, problem.encode()))
        with pytest.raises(EvercertError, match="used up") as raised:
            await known(world, engine)
    assert raised.value.hint == "external account kid-7 was shown: another one goes with --eab-kid and --eab-key"


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
