"""An incident from its opening to its end, over a whole engine: what is picked is replaced, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from evercert.acme.problem import ProblemType
from evercert.base.errors import EvercertError
from evercert.db.sqlite import SqliteDatabase
from evercert.engine.incident.opening import open_incident
from evercert.engine.wiring import Engine
from evercert.model.fact import DeployStatus
from evercert.model.incident import IncidentState, Measures, Selection, Stage
from evercert.model.intent import CertificateIntent
from evercert.model.terms import Criticality, Freeze, Terms
from evercert.store import certificates, events, incidents, issued
from evercert.store.opening import open_store
from evercert.store.schema import MIGRATIONS
from tests.engine.world import World
from tests.fakes.ca import FakeCa, Fault

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
RANKS = [Criticality.NORMAL, Criticality.CRITICAL, Criticality.LOW]
LEAKED = Selection(tag="leaked")
SUPERSEDED = 4


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def fleet(world: World, picked: int, others: int) -> list[CertificateIntent]:
    """So many that are tagged, of three criticalities and behind a freeze, and so many that are not; all would keep
    their keys."""
    freeze = Freeze(world.clock.now(), world.clock.now() + 30 * DAY)
    return [
        world.intent(
            f"{'p' if number < picked else 'o'}{number:02}.test",
            reuse_key=True,
            terms=Terms(tags=("leaked",) if number < picked else (), criticality=RANKS[number % 3], freezes=(freeze,)),
        )
        for number in range(picked + others)
    ]


async def obtain_all(world: World, engine: Engine, wanted: Iterable[CertificateIntent]) -> None:
    for intent in wanted:
        await certificates.declare(engine.db, intent, world.clock.now())
    await engine.worker.settle_due()


async def begin(world: World, engine: Engine, measures: Measures) -> int:
    return await open_incident(engine.db, LEAKED, measures, "a key leaked", world.clock.now())


async def carry_through(world: World, engine: Engine, number: int) -> None:
    """What a node does, until the incident is over or nothing moves for a week."""
    end = world.clock.now() + 7 * DAY
    while (await incidents.get(engine.db, number)).state is IncidentState.OPEN and world.clock.now() < end:
        moved = await engine.incidents.advance(number)
        if not await engine.worker.settle_due() and not moved:
            world.clock.advance(10 * MINUTE)


def revoked_names(ca: FakeCa) -> list[str]:
    """The names of revoked certificates, each as often as one of it was revoked."""
    names = (
        ca.orders[each.order].identifiers[0].value for each in ca.certificates.values() if each.revoked is not None
    )
    return sorted(names)


async def test_twenty_of_thirty_are_replaced_with_new_keys_and_revoked_once_they_are_installed(world: World) -> None:
    names = [f"p{number:02}.test" for number in range(20)]
    async with world.engine() as engine:
        await obtain_all(world, engine, fleet(world, 20, 10))
        before = {name: await world.fact(engine, name) for name in names}
        others_before = [await world.fact(engine, f"o{number}.test") for number in range(20, 30)]
        refused = {"p03.test", "p07.test"}
        until = world.clock.now() + timedelta(minutes=30)
        world.ca.validate = lambda name, *_: "no" if name.value in refused and world.clock.now() < until else None
        number = await begin(world, engine, Measures(revoke=SUPERSEDED, wave_size=4))
        while (await incidents.get(engine.db, number)).state is IncidentState.OPEN:
            moved = await engine.incidents.advance(number)
            await revoked_only_what_is_replaced(world, engine)
            if not await engine.worker.settle_due() and not moved:
                world.clock.advance(MINUTE)
        assert world.clock.now() >= until
        after = {name: await world.fact(engine, name) for name in names}
        others = [await world.fact(engine, f"o{number}.test") for number in range(20, 30)]
        waves = await incidents.waves(engine.db, number)
    assert revoked_names(world.ca) == names
    assert len({each.spki for each in world.ca.certificates.values()}) == len(world.ca.certificates) == 50
    for name in names:
        first, second = before[name].current, after[name].current
        assert first
        assert second
        assert first.key_id != second.key_id
        assert [each.status for each in after[name].deployments] == [DeployStatus.INSTALLED]
    assert others == others_before
    assert [(wave.number, wave.done) for wave in waves] == [(1, 4), (2, 3), (3, 7), (4, 6)]


async def revoked_only_what_is_replaced(world: World, engine: Engine) -> None:
    """Whatever the CA has revoked is not current, and what is current is installed."""
    for revoked in (each for each in world.ca.certificates.values() if each.revoked is not None):
        fact = await world.fact(engine, world.ca.orders[revoked.order].identifiers[0].value)
        assert fact.current is not None
        leaf, _ = await issued.body(engine.db, fact.current.id)
        assert leaf != revoked.leaf_der
        assert [(each.issued_id, each.status) for each in fact.deployments] == [
            (fact.current.id, DeployStatus.INSTALLED)
        ]


async def test_the_most_critical_are_replaced_first_and_a_wave_waits_for_the_one_before(world: World) -> None:
    async with world.engine() as engine:
        await obtain_all(world, engine, fleet(world, 6, 0))
        number = await begin(world, engine, Measures())
        world.told.clear()
        await carry_through(world, engine, number)
        happened = [each.event for each in reversed(await events.latest(engine.db, 100))]
    issued_names = [each.partition(":")[0] for each in world.told if "issued by" in each]
    assert [set(issued_names[:2]), set(issued_names[2:4]), set(issued_names[4:])] == [
        {"p01.test", "p04.test"},
        {"p00.test", "p03.test"},
        {"p02.test", "p05.test"},
    ]
    kinds = [event.__struct_config__.tag for event in happened]
    assert [kind for kind in kinds if str(kind).startswith("incident")] == [
        "incident-opened",
        "incident-advanced",
        "incident-advanced",
        "incident-advanced",
        "incident-closed",
    ]
    assert revoked_names(world.ca) == []


async def test_what_leaked_is_revoked_first_where_that_is_asked_and_replaced_although_the_ca_refuses(
    world: World,
) -> None:
    async with world.engine() as engine:
        await obtain_all(world, engine, fleet(world, 3, 0))
        number = await begin(world, engine, Measures(revoke=1, revoke_first=True, wave_size=9))
        # Asked by the account, then by the certificate's own key.
        world.ca.fail("revoke-cert", Fault.refused(ProblemType.UNAUTHORIZED), times=2)
        await carry_through(world, engine, number)
        assert (await incidents.get(engine.db, number)).state is IncidentState.DONE
    assert revoked_names(world.ca) == ["p00.test", "p01.test", "p02.test"]


async def test_nothing_more_is_released_while_too_many_fail_and_it_goes_on_by_itself(world: World) -> None:
    async with world.engine() as engine:
        await obtain_all(world, engine, fleet(world, 21, 0))
        until = world.clock.now() + timedelta(hours=2)
        world.ca.validate = lambda *_: "no" if world.clock.now() < until else None
        number = await begin(world, engine, Measures(wave_size=7))
        while not (await incidents.get(engine.db, number)).stalled:
            await engine.incidents.advance(number)
            await engine.worker.settle_due()
        assert [wave.waiting for wave in await incidents.waves(engine.db, number)] == [0, 7, 7]
        [trouble, *more] = await incidents.troubles(engine.db, number, 100)
        assert len(more) == 6
        assert (trouble.stage, trouble.wave) == (Stage.REPLACING, 1)
        assert trouble.what
        await carry_through(world, engine, number)
        incident = await incidents.get(engine.db, number)
    assert (incident.state, incident.stalled) == (IncidentState.DONE, "")


async def test_an_operator_may_take_the_failures_and_go_on(world: World) -> None:
    async with world.engine() as engine:
        await obtain_all(world, engine, fleet(world, 21, 0))
        world.ca.validate = lambda *_: "no"
        number = await begin(world, engine, Measures(wave_size=7))
        while not (await incidents.get(engine.db, number)).stalled:
            await engine.incidents.advance(number)
            await engine.worker.settle_due()
        await incidents.resume(engine.db, number, 7)
        await engine.incidents.advance(number)
        assert [wave.waiting for wave in await incidents.waves(engine.db, number)] == [0, 0, 7]


async def test_what_is_paused_begins_nothing_and_what_is_cancelled_never_will(world: World) -> None:
    async with world.engine() as engine:
        await obtain_all(world, engine, fleet(world, 6, 0))
        number = await begin(world, engine, Measures(wave_size=9))
        await engine.incidents.advance(number)
        await incidents.pause(engine.db, number, world.clock.now())
        orders = len(world.ca.orders)
        await engine.worker.settle_due()
        assert not await engine.incidents.advance(number)
        assert len(world.ca.orders) == orders
        await incidents.resume(engine.db, number, 0)
        await engine.incidents.advance(number)
        await engine.worker.settle_due()
        assert len(world.ca.orders) == orders + 2
        await incidents.close(engine.db, number, IncidentState.CANCELLED, "cancelled", world.clock.now())
        assert not await engine.incidents.advance(number)
        [*troubles] = await incidents.troubles(engine.db, number, 100)
        await engine.worker.settle_due()
    assert {each.what for each in troubles} == {"cancelled while waiting", "cancelled while replacing"}
    assert len(world.ca.orders) == orders + 2


async def test_what_was_renewed_with_the_same_key_meanwhile_is_replaced_too(world: World) -> None:
    async with world.engine() as engine:
        await obtain_all(world, engine, fleet(world, 2, 0))
        number = await begin(world, engine, Measures(revoke=SUPERSEDED))
        await certificates.wake(engine.db, "p00.test", world.clock.now(), forced=True)
        await engine.worker.settle_due()
        assert len({each.spki for each in world.ca.certificates.values()}) == 2
        await carry_through(world, engine, number)
        fact = await world.fact(engine, "p00.test")
        history = await issued.history(engine.db, "p00.test")
    assert len({each.key_id for each in history}) == 2
    assert [each.revoked_at is None for each in history] == [True, False, False]
    assert fact.current is not None


async def test_two_incidents_about_one_certificate_replace_it_once(world: World) -> None:
    async with world.engine() as engine:
        await obtain_all(world, engine, fleet(world, 3, 0))
        first, second = [await begin(world, engine, Measures(wave_size=9)) for _ in range(2)]
        for _ in range(30):
            await engine.incidents.advance_all()
            await engine.worker.settle_due()
        states = [(await incidents.get(engine.db, number)).state for number in (first, second)]
    assert states == [IncidentState.DONE, IncidentState.DONE]
    assert len(world.ca.certificates) == 6


@dataclass
class Dying:
    """Dies around the *number*-th commit that is about incidents or revocations, before or after it is kept, once."""

    number: int
    kept: bool
    seen: int = 0

    @contextmanager
    def __call__(self, names: Sequence[str]) -> Iterator[None]:
        here = False
        if any("incident" in name or name == "revoke certificate" for name in names):
            self.seen += 1
            here = self.seen == self.number
        if here and not self.kept:
            raise EvercertError("store", "killed before it was kept")
        yield
        if here:
            raise EvercertError("store", "killed after it was kept")


@pytest.mark.parametrize("kept", [False, True], ids=["before it is kept", "after it is kept"])
async def test_killed_at_any_step_and_resumed_it_comes_to_the_same_end(tmp_path: Path, kept: bool) -> None:
    deaths = 0
    for number in range(1, 100):
        folder = tmp_path / str(number)
        folder.mkdir()
        if not await died_once_and_came_through(World(folder), Dying(number, kept)):
            break
        deaths += 1
    # Opened, three waves, each released, replaced, placed, revoked, over; closed.
    assert deaths >= 15


async def died_once_and_came_through(world: World, dying: Dying) -> bool:
    """Whether it died at all; it comes to the same end in any case."""
    path = world.folder / "store.db"
    async with open_store(path) as db, world.engine(db) as engine:
        await obtain_all(world, engine, fleet(world, 3, 1))
    measures = Measures(revoke=SUPERSEDED, wave_size=1)
    died = False
    db = await SqliteDatabase.open(path, MIGRATIONS, around_commit=dying)
    try:
        async with world.engine(db) as engine:
            number = await begin(world, engine, measures)
            await carry_through(world, engine, number)
    except EvercertError as error:
        assert "killed" in error.message  # noqa: PT017 (how it dies, not what is expected)
        died = True
    finally:
        await db.close()
    async with open_store(path) as db, world.engine(db) as engine:
        await ends_well(world, engine, measures)
    return died


async def ends_well(world: World, engine: Engine, measures: Measures) -> None:
    """What was not opened whole does nothing, and is cancelled; what was open comes to its end."""
    known = await incidents.listed(engine.db)
    if not known or known[0].state is IncidentState.OPENING:
        assert not await engine.incidents.advance_all()
        for each in known:
            await incidents.close(engine.db, each.id, IncidentState.CANCELLED, "cancelled", world.clock.now())
        await begin(world, engine, measures)
    [number] = [each.id for each in await incidents.open_ones(engine.db)] or [known[0].id]
    await carry_through(world, engine, number)
    assert (await incidents.get(engine.db, number)).state is IncidentState.DONE
    assert revoked_names(world.ca) == ["p00.test", "p01.test", "p02.test"]
    assert len(world.ca.certificates) == len({each.spki for each in world.ca.certificates.values()}) == 7
    await revoked_only_what_is_replaced(world, engine)
    await events.verify(engine.db)


async def test_nothing_is_meant_by_nothing(world: World) -> None:
    async with world.engine() as engine:
        await obtain_all(world, engine, fleet(world, 1, 0))
        with pytest.raises(EvercertError, match="say which certificates"):
            await open_incident(engine.db, Selection(), Measures(), "", world.clock.now())
        with pytest.raises(EvercertError, match="no certificate is like that"):
            await open_incident(engine.db, Selection(tag="other"), Measures(), "", world.clock.now())
        assert await incidents.listed(engine.db) == []


async def test_another_ca_goes_first_for_the_incident_and_no_longer(world: World) -> None:
    other = world.another_ca("https://other.test")
    async with world.engine() as engine:
        wanted = fleet(world, 3, 1)
        await obtain_all(world, engine, wanted)
        number = await begin(world, engine, Measures(to_ca=other.directory_url, to_account="spare"))
        await carry_through(world, engine, number)
        assert (await incidents.get(engine.db, number)).state is IncidentState.DONE
        assert (len(world.ca.certificates), len(other.certificates)) == (4, 3)
        fact = await world.fact(engine, "p00.test")
        assert fact.incident_ca is None
        await certificates.wake(engine.db, "p00.test", world.clock.now(), forced=True)
        await engine.worker.settle("p00.test")
        assert (len(world.ca.certificates), len(other.certificates)) == (5, 3)


async def test_what_fails_for_hours_is_replaced_before_the_day_is_over(world: World) -> None:
    """A CA that revokes in a day does not wait for who tries again once a day."""
    async with world.engine() as engine:
        await obtain_all(world, engine, fleet(world, 1, 0))
        until = world.clock.now() + timedelta(hours=3)
        world.ca.validate = lambda *_: "no" if world.clock.now() < until else None
        number = await begin(world, engine, Measures())
        await engine.incidents.advance(number)
        await world.pass_time(engine, timedelta(hours=4))
        fact = await world.fact(engine, "p00.test")
        assert fact.current is not None
        assert fact.current.id == 2


async def test_where_the_other_ca_refuses_the_declared_one_is_asked(world: World) -> None:
    other = world.another_ca("https://other.test")
    async with world.engine() as engine:
        await obtain_all(world, engine, fleet(world, 1, 0))
        other.fail("new-order", Fault.refused(ProblemType.REJECTED_IDENTIFIER, "not for you"), times=99)
        number = await begin(world, engine, Measures(to_ca=other.directory_url))
        await carry_through(world, engine, number)
        assert (await incidents.get(engine.db, number)).state is IncidentState.DONE
        assert (len(world.ca.certificates), len(other.certificates)) == (2, 0)
