"""Leases as the engine holds them: kept while the work lasts, given back, and taken over from whoever is no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from evercert.base.clock import to_epoch
from evercert.base.errors import EvercertError
from evercert.db.protocol import Database, Query
from evercert.engine.leases import Fenced, Leases
from evercert.engine.owner import Owner
from evercert.model.fact import Failure
from evercert.store import certificates, leases
from evercert.store.opening import open_store
from tests.fakes.clock import FakeClock
from tests.store import given

LENGTH = timedelta(seconds=60)

_LEASED_UNTIL = Query("leased until", "SELECT name FROM certificates WHERE lease_until = :moment")


class Nodes:
    """Processes of one machine or of several that share a store; each clock is its own."""

    def __init__(self, db: Database, folder: Path) -> None:
        self.db = db
        self._folder = folder
        self._number = 0

    def one(self, home: str = "home", clock: FakeClock | None = None) -> Leases:
        (self._folder / home).mkdir(exist_ok=True)
        self._number += 1
        owner = Owner(self._folder / home, Random(self._number))
        clock = clock or FakeClock(given.NOW)
        return Leases(self.db, clock, owner, LENGTH, FakeClock(given.NOW))


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    async with open_store(tmp_path / "store.db") as db:
        yield Nodes(db, tmp_path)


async def test_of_three_tasks_never_two_hold_one_certificate(nodes: Nodes) -> None:
    await given.declared(nodes.db)
    node, inside, most = nodes.one(), 0, 0

    async def work(begin: int) -> None:
        nonlocal inside, most
        for _ in range(begin):
            await asyncio.sleep(0)
        async with node.hold("www"):
            inside += 1
            most = max(most, inside)
            for _ in range(10):
                await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work(begin) for begin in (0, 5, 12)))
    await node.close()
    assert most == 1


async def test_what_is_held_elsewhere_is_not_due_and_who_asks_for_it_waits(nodes: Nodes) -> None:
    await given.declared(nodes.db)
    clock = FakeClock(given.NOW)
    one, other = nodes.one(), nodes.one("elsewhere", clock)
    done: list[str] = []

    async def wait() -> None:
        async with other.hold("www"):
            done.append("other")

    async with one.hold("www"):
        assert await other.claim_due(10) == []
        waiting = asyncio.create_task(wait())
        async with asyncio.timeout(30):
            while not clock.slept:  # it has found it held, and looks again after this
                await asyncio.sleep(0)
        done.append("one")
    await waiting
    assert done == ["one", "other"]
    await one.close()
    await other.close()


async def test_a_process_that_died_is_followed_at_once_on_its_node_only(nodes: Nodes) -> None:
    await given.declared(nodes.db)
    dead, neighbour, far = nodes.one(), nodes.one(), nodes.one("elsewhere")
    assert len(await dead.claim_due(10)) == 1
    dead._owner.close()  # as the kernel does when a process ends
    await far.free_the_ended()
    assert await far.claim_due(10) == []
    await neighbour.free_the_ended()
    assert [each.certificate for each in await neighbour.claim_due(10)] == ["www"]
    await neighbour.close()
    await far.close()


async def test_a_live_process_keeps_what_it_works_on(nodes: Nodes) -> None:
    await given.declared(nodes.db)
    one, neighbour = nodes.one(), nodes.one()
    async with one.hold("www"):
        await neighbour.free_the_ended()
        assert await neighbour.claim_due(10) == []
    await one.close()
    await neighbour.close()


async def test_whoever_was_stopped_for_too_long_changes_nothing_when_he_goes_on(nodes: Nodes) -> None:
    await given.declared(nodes.db)
    clock = FakeClock(given.NOW)
    stopped, other = nodes.one(), nodes.one("elsewhere", clock)
    async with stopped.hold("www") as late:
        clock.advance(2 * LENGTH)
        [lease] = await other.claim_due(10)
        async with other.keeping(lease) as leased:
            with pytest.raises(Fenced):
                await certificates.failed(late.db, "www", Failure("dns", "no answer", given.NOW), 1, given.NOW)
            with pytest.raises(Fenced):
                await late.until(given.NOW)
            assert await leased.until(given.NOW + given.DAY)
    fact = await certificates.fact(nodes.db, "www")
    assert fact is not None
    assert fact.failures == 0
    assert await certificates.next_action_at(nodes.db) == given.NOW + given.DAY
    await stopped.close()
    await other.close()


async def test_another_conflict_is_not_taken_for_a_lost_lease(nodes: Nodes) -> None:
    await given.declared(nodes.db)
    node = nodes.one()
    async with node.hold("www") as leased:
        await given.begun(leased.db, "www")
        with pytest.raises(EvercertError) as caught:
            await given.begun(leased.db, "www")
        assert not isinstance(caught.value, Fenced)
    await node.close()


async def test_a_lease_lasts_as_long_as_the_work_and_is_given_back_when_it_fails(nodes: Nodes) -> None:
    await given.declared(nodes.db)
    clock = FakeClock(given.NOW)
    node, other = nodes.one(clock=clock), nodes.one("elsewhere", clock)

    async def work() -> None:
        async with node.hold("www"):
            clock.advance(LENGTH)
            async with asyncio.timeout(30):
                while not await nodes.db.rows(_LEASED_UNTIL(moment=to_epoch(given.NOW + 2 * LENGTH))):
                    await asyncio.sleep(0.01)
            assert await other.claim_due(10) == []
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await work()
    assert await leases.holder(nodes.db, "www") == ""
    assert [each.certificate for each in await other.claim_due(10)] == ["www"]
    await other.close()
    await node.close()


async def test_a_claim_that_nobody_keeps_is_let_go(nodes: Nodes) -> None:
    """Cancelled on its way back, a claim may be durable and known to nobody."""
    await given.declared(nodes.db, "kept")
    await given.declared(nodes.db, "lost")
    node = nodes.one()
    async with node.hold("kept"):
        assert [each.certificate for each in await node.claim_due(10)] == ["lost"]
        async with asyncio.timeout(30):
            while await leases.holder(nodes.db, "lost"):
                await asyncio.sleep(0.01)
        assert await leases.holder(nodes.db, "kept") != ""
    await node.close()


async def test_closing_gives_everything_back(nodes: Nodes) -> None:
    await given.declared(nodes.db)
    node = nodes.one()
    await node.claim_due(10)
    await node.close()
    assert await leases.owners(nodes.db) == []
