"""Whatever is asked of the store in whatever order, these stay true."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.db.migrate import Migration
from evercert.db.opening import Place
from evercert.db.protocol import Database, Query
from evercert.model.fact import CertificateFact, DeployStatus, Failure, IssuanceStatus, Renewal
from evercert.store import certificates, deployments, events, issuances, issued, presented, renewals
from evercert.store.opening import open_store
from evercert.store.retention import Retention, prune
from evercert.store.schema import MIGRATIONS
from tests.store import given
from tests.store.given import DAY, HOUR, NOW

Step = Callable[["World", int], Awaitable[object]]

_OPEN = {IssuanceStatus.KEYED, IssuanceStatus.PLACING, IssuanceStatus.ORDERED}


class World:
    """A store with one certificate, or none, and what a worker remembers of it (perhaps no longer true)."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.serial = 0
        self.fact: CertificateFact | None = None

    async def look(self) -> CertificateFact:
        """What the worker knows; it looks again only now and then."""
        if self.fact is None:
            self.fact = await certificates.fact(self.db, "www")
        if self.fact is None:
            raise EvercertError("not-found", "nothing is declared")
        return self.fact


async def declare(world: World, choice: int) -> None:
    await certificates.declare(world.db, given.intent(profile=f"p{choice % 2}", reuse_key=choice > 1), NOW)


async def begin(world: World, choice: int) -> None:
    account = await given.account(world.db)
    fact = await world.look()
    await issuances.begin(world.db, "www", account.id, None, b"csr", now=NOW, intent=fact.intent)


async def go_on(world: World, choice: int) -> None:
    """The next step of the issuance that the worker remembers."""
    issuance = (await world.look()).open_issuance
    if issuance is None:
        return
    if issuance.status is IssuanceStatus.KEYED:
        await issuances.placing(world.db, issuance)
    elif issuance.status is IssuanceStatus.PLACING:
        await issuances.ordered(
            world.db, issuance, f"https://ca.test/o/{issuance.id}", ca="https://ca.test", adopted=False, now=NOW
        )
    elif choice:
        await presented.add(world.db, [given.item(issuance)])
    else:
        world.serial += 1
        await issuances.issued(world.db, issuance, given.chain(choice), given.view(world.serial), now=NOW)


async def abandon(world: World, choice: int) -> None:
    if issuance := (await world.look()).open_issuance:
        await issuances.abandon(world.db, issuance, "invalid", now=NOW)


async def deploy(world: World, choice: int) -> None:
    if current := (await world.look()).current:
        await deployments.put(world.db, given.deployment(current, list(DeployStatus)[choice]), NOW)


async def poll(world: World, choice: int) -> None:
    if current := (await world.look()).current:
        window = Renewal(NOW + choice * DAY, NOW + 9 * DAY, NOW + 5 * DAY, NOW + HOUR)
        await renewals.put(world.db, current.id, window, NOW)


async def revoke(world: World, choice: int) -> None:
    if current := (await world.look()).current:
        await issued.revoked(world.db, current.id, choice, NOW)


async def fail(world: World, choice: int) -> None:
    await certificates.failed(world.db, "www", Failure("dns", "no answer", NOW), choice + 1, NOW + HOUR)


async def clean_up(world: World, choice: int) -> None:
    await presented.remove(world.db, (await world.look()).leftovers)


async def look_again(world: World, choice: int) -> None:
    world.fact = None


async def wake(world: World, choice: int) -> None:
    await certificates.wake(world.db, "www", NOW, forced=bool(choice))


async def schedule(world: World, choice: int) -> None:
    await certificates.schedule(world.db, "www", NOW + choice * HOUR)


async def forget_old(world: World, choice: int) -> None:
    await prune(world.db, NOW + choice * 100 * DAY, Retention(events=5))


async def delete(world: World, choice: int) -> None:
    if choice == 3:
        await certificates.delete(world.db, "www", NOW)


STEPS: list[Step] = [
    declare,
    begin,
    go_on,
    go_on,
    go_on,
    abandon,
    deploy,
    poll,
    revoke,
    fail,
    clean_up,
    look_again,
    look_again,
    wake,
    schedule,
    forget_old,
    delete,
]

plays = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 3)), min_size=5, max_size=40)


# The places are new in each example; the fixture that makes them need not be.
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@for_all(play=plays)
def test_no_order_of_calls_breaks_the_store(
    new_place: Callable[[Sequence[Migration]], Place], play: list[tuple[Step, int]]
) -> None:
    asyncio.run(_play(new_place(MIGRATIONS), play))


async def _play(place: Place, play: list[tuple[Step, int]]) -> None:
    async with open_store(place) as db:
        await _all_steps(db, play)
        if isinstance(place, Path):  # the other database holds its references by itself
            assert await db.rows(Query("check", "PRAGMA foreign_key_check")()) == []


async def _all_steps(db: Database, play: list[tuple[Step, int]]) -> None:
    world = World(db)
    await certificates.declare(db, given.intent(), NOW)
    for step, choice in play:
        before = await certificates.fact(db, "www")
        try:
            await step(world, choice)
        except EvercertError as error:
            assert error.code.name in {"conflict", "not-found"}, error  # noqa: PT017 (a law, not an expectation)
            assert await certificates.fact(db, "www") == before
        await _holds(db, before)


async def _holds(db: Database, before: CertificateFact | None) -> None:
    await events.verify(db)
    fact = await certificates.fact(db, "www")
    if fact is None:
        return
    history = await issued.history(db, "www")
    assert fact.current == (history[0] if history else None)
    if fact.current is not None:
        await issued.body(db, fact.current.id)
    if fact.open_issuance is not None:
        assert fact.open_issuance.status in _OPEN
    if before is not None and before.current is not None:
        assert fact.current is not None
        assert fact.current.id >= before.current.id
    if (
        before is not None
        and before.renewal is not None
        and fact.renewal is not None
        and fact.current == before.current
    ):
        same_window = fact.renewal.window_start == before.renewal.window_start
        assert not same_window or fact.renewal.moment == before.renewal.moment
